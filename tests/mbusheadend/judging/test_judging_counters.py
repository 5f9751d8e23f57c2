"""Counters that fall or roll over, and what was used meanwhile."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbus.application.datatypes import Value
from mbusheadend.judging.consumption import MAX_PERIODS, Period, boundaries, consumption
from mbusheadend.judging.counters import falls
from mbusheadend.judging.points import Point

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


def points(*values: Value, step: timedelta = HOUR) -> list[Point]:
    return [Point(START + number * step, value) for number, value in enumerate(values)]


def test_a_counter_that_rises_or_has_no_value_for_a_while_did_not_fall() -> None:
    assert falls(points(1, 2, None, 2, Decimal("2.5"), 3.5)) == ()


def test_a_counter_that_was_reset_is_told_from_one_that_rolled_over() -> None:
    (reset,) = falls(points(500, 700, 3))
    assert (reset.before, reset.after, reset.capacity, reset.used) == (
        Decimal(700),
        Decimal(3),
        None,
        Decimal(0),
    )
    (over,) = falls(points(Decimal("99999.990"), Decimal("0.015")))
    assert (over.capacity, over.used) == (Decimal(100000), Decimal("0.025"))
    (small,) = falls(points(99, 0))
    assert small.capacity is None
    (swapped,) = falls(points(99999990, 55000000))
    assert swapped.capacity is None


def test_edges_are_midnights_of_the_zone() -> None:
    edges = boundaries(
        Period.DAY, "Europe/Berlin", datetime(2026, 3, 29, 5, tzinfo=UTC), datetime(2026, 3, 30, tzinfo=UTC)
    )
    assert edges == (
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
        datetime(2026, 3, 30, 22, tzinfo=UTC),
    )
    assert boundaries(Period.MONTH, "UTC", START + DAY, START + 32 * DAY) == (
        START,
        datetime(2026, 4, 1, tzinfo=UTC),
        datetime(2026, 5, 1, tzinfo=UTC),
    )
    assert boundaries(Period.YEAR, "UTC", START, START + DAY)[-1] == datetime(2027, 1, 1, tzinfo=UTC)
    assert boundaries(Period.WEEK, "UTC", START, START + DAY)[0].isoweekday() == 1


@pytest.mark.parametrize(
    ("zone", "until"), [("Nowhere/At_All", START + DAY), ("UTC", START), ("UTC", START + 40 * 365 * DAY)]
)
def test_edges_that_nobody_can_mean_are_refused(zone: str, until: datetime) -> None:
    with pytest.raises(ValueError, match=rf"zone|before|{MAX_PERIODS}"):
        boundaries(Period.DAY, zone, START, until)


def test_between_two_points_the_value_lies_on_a_straight_line() -> None:
    found = consumption(
        points(Decimal("1.0"), Decimal("3.5"), step=2 * DAY), [START, START + DAY, START + 2 * DAY]
    )
    assert [(one.begin, one.end, one.amount) for one in found] == [
        (Decimal("1.0"), Decimal("2.2"), Decimal("1.2")),
        (Decimal("2.2"), Decimal("3.5"), Decimal("1.3")),
    ]
    assert [one.is_interpolated for one in found] == [True, True]


def test_a_point_at_the_edge_needs_no_line() -> None:
    (only,) = consumption(points(10, 25, step=DAY), [START, START + DAY])
    assert (only.amount, only.is_interpolated, only.has_fall) == (Decimal(15), False, False)


def test_what_a_reset_hides_is_not_made_up_and_a_rollover_is_counted() -> None:
    edges = [START + number * DAY for number in range(4)]
    reset = consumption(points(100, 140, 5, 25, step=DAY), edges)
    assert [one.amount for one in reset] == [40, 0, 20]
    assert [one.has_fall for one in reset] == [False, True, False]
    over = consumption(points(999950, 999990, 15, 35, step=DAY), edges)
    assert [one.amount for one in over] == [40, 25, 20]
    assert [one.has_fall for one in over] == [False, True, False]


def test_where_points_do_not_reach_there_is_no_amount() -> None:
    edges = [START - DAY, START, START + DAY, START + 2 * DAY]
    assert [one.amount for one in consumption(points(1, 2, step=DAY), edges)] == [None, 1, None]
    assert [one.amount for one in consumption([], edges)] == [None] * 3


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.decimals(0, 1000, places=3)), min_size=2, max_size=30),
    st.lists(st.integers(0, 10**6), min_size=2, max_size=10, unique=True),
)
def test_adjoining_periods_add_up_exactly(steps: list[tuple[int, Decimal]], seconds: list[int]) -> None:
    total, rising = Decimal(0), []
    for moment, step in sorted(steps):
        total += step
        rising.append(Point(START + timedelta(seconds=moment), total))
    edges = [START + timedelta(seconds=second) for second in sorted(seconds)]
    parts = consumption(rising, edges)
    (whole,) = consumption(rising, [edges[0], edges[-1]])
    if whole.amount is not None:
        assert sum(part.amount or 0 for part in parts) == whole.amount
        assert all(part.amount is not None and part.amount >= 0 for part in parts)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(), max_size=5))
def test_whatever_a_meter_sends_as_numbers_can_be_reckoned_with(values: list[Value]) -> None:
    edges = [START + HOUR / 2, START + HOUR, START + 5 * HOUR / 2]
    assert len(consumption(points(*values), edges)) == 2
