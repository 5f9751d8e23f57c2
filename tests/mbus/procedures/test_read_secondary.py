import pytest

from mbus.addressing import SELECTED, SecondaryAddress
from mbus.application.encode import FixedStructure
from mbus.application.encode_record import RecordSpec
from mbus.errors import GarbledAnswerError, NoAnswerError, WrongMeterError
from mbus.link.station import Stations
from mbus.link.transaction import Fault
from mbus.procedures.read import read, read_secondary, release
from support.answers import (
    ACK,
    METER,
    NKE_FD,
    REQ_FD_FCB0,
    REQ_FD_FCB1,
    SELECT,
    SILENCE,
    STRANGER,
    answer,
)
from support.script import Garbled, Script, play

COLLISION = Garbled(b"\xe5\xe5", Fault.COLLISION)


def selected() -> Stations:
    stations = Stations()
    stations.initialised(SELECTED)
    return stations


@pytest.mark.parametrize("cleared", [ACK, SILENCE, COLLISION])
def test_the_first_reading_clears_the_selection_whatever_that_is_answered_with(
    cleared: str | Garbled,
) -> None:
    script: Script = [(NKE_FD, cleared), (SELECT, ACK), (REQ_FD_FCB1, answer())]
    reading = play(read_secondary(METER, Stations()), script)
    assert (reading.primary, reading.secondary, reading.remark) == (5, METER, "")


def test_the_next_meter_is_selected_at_once_and_asked_with_one() -> None:
    stations = selected()
    for _ in range(3):
        play(read_secondary(METER, stations), [(SELECT, ACK), (REQ_FD_FCB1, answer())])


def test_a_wildcard_is_read_when_one_meter_answers() -> None:
    mask = SecondaryAddress("1234FFFF")
    select = "68 0B 0B 68 53 FD 52 FF FF 34 12 FF FF FF FF E2 16"
    play(read_secondary(mask, selected()), [(select, ACK), (REQ_FD_FCB1, answer())])


def test_the_enhanced_selection_carries_the_fabrication_number() -> None:
    select = "68 11 11 68 53 FD 52 FF FF FF FF FF FF FF FF 0C 78 78 56 34 12 32 16"
    procedure = read_secondary(SecondaryAddress(), selected(), fabrication="12345678")
    play(procedure, [(select, ACK), (REQ_FD_FCB1, answer())])


def test_an_absent_meter_is_not_asked_for_data_and_leaves_no_doubt() -> None:
    stations = selected()
    with pytest.raises(NoAnswerError):
        play(read_secondary(METER, stations), [(SELECT, SILENCE)] * 3)
    play(read_secondary(METER, stations), [(SELECT, ACK), (REQ_FD_FCB1, answer())])


def test_a_selection_that_cannot_be_understood_is_cleared_before_the_next() -> None:
    stations = Stations()
    with pytest.raises(GarbledAnswerError):
        play(read_secondary(METER, stations), [(NKE_FD, SILENCE), *[(SELECT, COLLISION)] * 3])
    play(read_secondary(METER, stations), [(NKE_FD, SILENCE), (SELECT, ACK), (REQ_FD_FCB1, answer())])


def test_a_selection_that_got_lost_is_repeated() -> None:
    script: Script = [(SELECT, SILENCE), (SELECT, ACK), (REQ_FD_FCB1, answer())]
    play(read_secondary(METER, selected()), script)


def test_another_meters_answer_clears_the_selection_and_asks_again() -> None:
    script: Script = [
        (SELECT, ACK),
        (REQ_FD_FCB1, answer(who=STRANGER)),
        (NKE_FD, SILENCE),
        (SELECT, ACK),
        (REQ_FD_FCB1, answer()),
    ]
    assert play(read_secondary(METER, selected()), script).secondary == METER


def test_another_meters_answer_after_a_cleared_selection_is_an_error() -> None:
    stations = Stations()
    script: Script = [(NKE_FD, SILENCE), (SELECT, ACK), (REQ_FD_FCB1, answer(who=STRANGER))]
    with pytest.raises(WrongMeterError, match="87654321"):
        play(read_secondary(METER, stations), script)


def test_a_meter_that_still_holds_an_earlier_selection_is_thrown_out() -> None:
    script: Script = [
        (SELECT, ACK),
        *[(REQ_FD_FCB1, COLLISION)] * 3,
        (NKE_FD, COLLISION),
        (SELECT, ACK),
        (REQ_FD_FCB1, answer()),
    ]
    play(read_secondary(METER, selected()), script)


def test_two_meters_that_cannot_be_told_apart_are_an_error() -> None:
    script: Script = [(NKE_FD, SILENCE), (SELECT, ACK), *[(REQ_FD_FCB1, COLLISION)] * 3]
    with pytest.raises(GarbledAnswerError):
        play(read_secondary(METER, Stations()), script)


def test_an_answer_without_identity_counts_only_after_a_cleared_selection() -> None:
    stations = selected()
    anonymous = answer(who=None)
    script: Script = [
        (SELECT, ACK),
        (REQ_FD_FCB1, anonymous),
        (NKE_FD, SILENCE),
        (SELECT, ACK),
        (REQ_FD_FCB1, anonymous),
    ]
    reading = play(read_secondary(METER, stations), script)
    assert reading.secondary is None
    assert "does not say who" in reading.remark
    assert not stations.is_agreed(SELECTED), "the next reading should clear the selection at once"


def test_an_answer_without_header_is_checked_by_its_records() -> None:
    mine = answer(RecordSpec(b"\x79", METER.to_bytes(), data_field=7), who=None)
    other = answer(RecordSpec(b"\x79", STRANGER.to_bytes(), data_field=7), who=None)
    reading = play(read_secondary(METER, selected()), [(SELECT, ACK), (REQ_FD_FCB1, mine)])
    assert (reading.secondary, reading.remark) == (METER, "")
    script: Script = [(NKE_FD, SILENCE), (SELECT, ACK), (REQ_FD_FCB1, other)]
    with pytest.raises(WrongMeterError):
        play(read_secondary(METER, Stations()), script)


def test_the_fixed_structure_is_checked_by_its_identification() -> None:
    def fixed(identification: str) -> str:
        return FixedStructure(identification, 7, (0x29, 0x29), (1, 2)).to_frame(5).to_bytes().hex()

    reading = play(read_secondary(METER, selected()), [(SELECT, ACK), (REQ_FD_FCB1, fixed("12345678"))])
    assert "identification only" in reading.remark
    script: Script = [(NKE_FD, SILENCE), (SELECT, ACK), (REQ_FD_FCB1, fixed("12345679"))]
    with pytest.raises(WrongMeterError):
        play(read_secondary(METER, Stations()), script)


def test_all_telegrams_of_a_selected_meter_are_fetched() -> None:
    stations = selected()
    script: Script = [
        (SELECT, ACK),
        (REQ_FD_FCB1, answer(RecordSpec(b"\x06", 1), more=True)),
        (REQ_FD_FCB0, answer(RecordSpec(b"\x06", 2), access=2)),
    ]
    assert len(play(read_secondary(METER, stations), script).frames) == 2
    assert not stations.is_agreed(SELECTED)


def test_reading_a_meter_as_the_selected_one_makes_its_primary_address_doubtful() -> None:
    stations = selected()
    stations.initialised(5)
    stations.initialised(6)
    play(read_secondary(METER, stations), [(SELECT, ACK), (REQ_FD_FCB1, answer(address=5))])
    assert not stations.is_agreed(5)
    assert stations.is_agreed(6)


def test_a_target_is_read_by_whichever_address_names_it() -> None:
    play(read(METER, selected()), [(SELECT, ACK), (REQ_FD_FCB1, answer())])
    stations = Stations()
    stations.initialised(5)
    play(read(5, stations), [("10 7B 05 80 16", answer())])


def test_releasing_clears_the_selection() -> None:
    stations = Stations()
    play(release(stations), [(NKE_FD, SILENCE)])
    assert stations.is_agreed(SELECTED)
