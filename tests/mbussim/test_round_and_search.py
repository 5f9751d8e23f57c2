import pytest

from mbussim.bus import Collisions
from mbussim.round import Round, read_round
from mbussim.search import Search, search_population


@pytest.mark.parametrize("secondary", [False, True])
@pytest.mark.parametrize("baud", [300, 2400, 9600, 19200])
def test_a_round_of_250_meters_stays_within_two_percent_of_the_bound(baud: int, secondary: bool) -> None:
    result = read_round(Round(baud=baud, secondary=secondary))
    assert result["answered"] == 250
    assert isinstance(result["ratio"], float)
    assert 1.0 <= result["ratio"] <= 1.02


def test_the_bound_is_that_of_the_reference_table() -> None:
    assert Round(meters=250, baud=2400, reply_bytes=100).bound_seconds() == pytest.approx(125, abs=0.5)
    assert Round(meters=250, baud=2400, reply_bytes=100, secondary=True).bound_seconds() == pytest.approx(
        150, abs=0.5
    )
    assert Round(meters=250, baud=300, reply_bytes=261).bound_seconds() == pytest.approx(2475, abs=1)
    assert Round(meters=250, baud=2400, missing=250, tries=1).bound_seconds() == pytest.approx(53, abs=0.5)


@pytest.mark.parametrize("secondary", [False, True])
def test_missing_meters_cost_their_silent_windows_and_little_more(secondary: bool) -> None:
    result = read_round(Round(meters=100, missing=10, secondary=secondary))
    assert result["answered"] == 90
    assert isinstance(result["ratio"], float)
    assert result["ratio"] <= 1.02


@pytest.mark.parametrize(
    "wanted", [Round(meters=251), Round(meters=0), Round(meters=5, missing=6), Round(reply_bytes=9)]
)
def test_a_round_that_cannot_be_is_refused(wanted: Round) -> None:
    with pytest.raises(ValueError, match=r"meters|bytes"):
        read_round(wanted)


@pytest.mark.parametrize("collisions", Collisions)
def test_the_search_finds_everybody_and_nobody_else_whatever_collisions_look_like(
    collisions: Collisions,
) -> None:
    result = search_population(Search(meters=20, collisions=collisions))
    assert (result["meters"], result["found"], result["phantoms"]) == (20, 20, 0)
    assert isinstance(result["selects"], int)
    assert isinstance(result["bus_seconds"], float)
    assert result["selects"] >= 20
    assert result["bus_seconds"] > 1


def test_an_empty_bus_is_found_empty() -> None:
    result = search_population(Search(meters=0))
    assert (result["found"], result["phantoms"]) == (0, 0)
