"""What was used in each day, week, month or year, from a register that cumulates.

The value at an edge between two periods is that of a point taken just then; else it lies on the straight line between the point
in front of the edge and the one behind it, rounded to the finest resolution that any of the points has: so what was used in
adjoining periods adds up exactly. Where a side has no point, there is no value and no consumption. A counter that was reset
counts on from where it was: what was used across the reset is not known and not made up; one that rolled over is known. Both
are marked.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from mbus.application.scaling import EXACT
from mbusheadend.decoding.registers import Register
from mbusheadend.judging.counters import Fall, falls
from mbusheadend.judging.points import Point, numbers

MAX_PERIODS: Final = 10_000
CUMULATING: Final = frozenset(
    ("energy", "reactive_energy", "apparent_energy", "volume", "mass", "hca_units", "cumulation_counter")
)
"""Quantities that meters count up."""


class Period(StrEnum):
    """How long a period is; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Consumption:
    """What was used in a period.

    :ivar amount: None where the points do not reach to both ends.
    :ivar begin: value of the register at the beginning, `end` at the end, both counted on over resets.
    :ivar is_interpolated: whether an end has no point of its own.
    :ivar has_fall: whether the counter was reset or rolled over in this time.
    """

    since: datetime
    until: datetime
    amount: Decimal | None
    begin: Decimal | None
    end: Decimal | None
    is_interpolated: bool
    has_fall: bool


def cumulates(register: Register) -> bool:
    """Tell whether a register is a counter as it is now, with nothing special about it: one whose consumption is of interest."""
    return (
        register.quantity in CUMULATING
        and register.function == "instantaneous"
        and register.storage == 0
        and not register.modifiers
        and not register.occurrence
    )


def boundaries(period: Period, zone: str, since: datetime, until: datetime) -> tuple[datetime, ...]:
    """Give the edges of all periods that touch the time from `since` to before `until`: midnights of the zone, in UTC.

    Raise `ValueError` for an unknown zone, for no time at all, and for more than `MAX_PERIODS`.
    """
    try:
        place = ZoneInfo(zone)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"there is no time zone {zone} here") from None
    if until <= since:
        raise ValueError("the time ends before it begins")
    day = _begin(period, since.astimezone(place).date())
    edges = [_midnight(day, place)]
    while edges[-1] < until:
        if len(edges) > MAX_PERIODS:
            raise ValueError(f"more than {MAX_PERIODS} periods at once")
        day = _next(period, day)
        edges.append(_midnight(day, place))
    return tuple(edges)


def consumption(points: Iterable[Point], edges: Sequence[datetime]) -> tuple[Consumption, ...]:
    """Give what was used between each two edges; points outside of them serve to interpolate."""
    points = tuple(points)
    fallen = falls(points)
    known = _counted_on(numbers(points), fallen)
    resolution = min((_exponent(value) for _, value in known), default=0)
    values = [_value_at(known, edge, resolution) for edge in edges]
    return tuple(
        Consumption(
            since,
            until,
            None if begin is None or end is None else end - begin,
            begin,
            end,
            begin_interpolated or end_interpolated,
            any(fall.since < until and fall.until > since for fall in fallen),
        )
        for (since, (begin, begin_interpolated)), (until, (end, end_interpolated)) in pairwise(
            zip(edges, values, strict=True)
        )
    )


def _counted_on(
    known: list[tuple[datetime, Decimal]], fallen: Sequence[Fall]
) -> list[tuple[datetime, Decimal]]:
    """Add to each value what the counter had lost before."""
    lost = {fall.until: fall.before - fall.after + fall.used for fall in fallen}
    counted, total = [], Decimal(0)
    for taken, value in known:
        total += lost.get(taken, Decimal(0))
        counted.append((taken, value + total))
    return counted


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return min(0, exponent) if isinstance(exponent, int) else 0


def _value_at(
    known: list[tuple[datetime, Decimal]], edge: datetime, resolution: int
) -> tuple[Decimal | None, bool]:
    """Give the value at a moment, and whether it had to be interpolated."""
    place = bisect_left(known, edge, key=lambda pair: pair[0])
    if place < len(known) and known[place][0] == edge:
        return known[place][1], False
    if place in (0, len(known)):
        return None, True
    (earlier, low), (later, high) = known[place - 1], known[place]
    share = Fraction((edge - earlier) / timedelta.resolution) / Fraction(
        (later - earlier) / timedelta.resolution
    )
    exact = Fraction(low) + (Fraction(high) - Fraction(low)) * share
    # Meters may send numbers that differ by any power of ten: the usual 28 digits do not hold them.
    quotient = EXACT.divide(exact.numerator, exact.denominator)
    return EXACT.quantize(quotient, Decimal(1).scaleb(resolution)), True


def _begin(period: Period, day: date) -> date:
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)
        case Period.YEAR:
            return day.replace(month=1, day=1)


def _next(period: Period, day: date) -> date:
    match period:
        case Period.DAY:
            return day + timedelta(days=1)
        case Period.WEEK:
            return day + timedelta(days=7)
        case Period.MONTH:
            return (day + timedelta(days=31)).replace(day=1)
        case Period.YEAR:
            return day.replace(year=day.year + 1)


def _midnight(day: date, place: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), place).astimezone(UTC)
