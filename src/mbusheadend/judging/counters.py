"""Counters that only rise, and what is the matter when one does not."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

from mbusheadend.judging.points import Point, numbers

ROLLOVER_DIGITS: Final = 6
"""Digits that a counter has at least; one of fewer that falls was reset."""
_NEAR: Final = Decimal("0.05")
"""Share of its capacity within which a counter is near its end, or its beginning."""


@dataclass(frozen=True, slots=True)
class Fall:
    """A counter fell.

    :ivar before: last value in front of it, taken at `since`; `after` the first behind it, at `until`.
    :ivar capacity: where it went over from all nines to zeros: the number at which it did. None where it was reset or replaced.
    """

    since: datetime
    until: datetime
    before: Decimal
    after: Decimal
    capacity: Decimal | None

    @property
    def used(self) -> Decimal:
        """What was counted in between: known for a roll-over, nothing is made up for a reset."""
        return Decimal(0) if self.capacity is None else self.capacity - self.before + self.after


@dataclass(frozen=True, slots=True)
class Frozen:
    """A meter has said the same since a time.

    :ivar readings: that were all alike.
    :ivar is_sure: whether its own clock stood still too; otherwise perhaps nothing was used.
    """

    since: datetime
    readings: int
    is_sure: bool


def falls(points: Iterable[Point]) -> tuple[Fall, ...]:
    """Find where a cumulating register fell."""
    known = numbers(points)
    return tuple(
        Fall(since, until, before, after, _capacity(before, after))
        for (since, before), (until, after) in pairwise(known)
        if after < before
    )


def _capacity(before: Decimal, after: Decimal) -> Decimal | None:
    if before <= 0 or after < 0:
        return None
    # The digits of the counter are those of its value without the point.
    digits = len(before.as_tuple().digits)
    capacity = Decimal(10) ** (before.adjusted() + 1)
    near_end = before >= capacity * (1 - _NEAR) and after <= capacity * _NEAR
    return capacity if near_end and digits >= ROLLOVER_DIGITS else None


def frozen(
    said: Sequence[tuple[datetime, Hashable, Hashable | None]],
    *,
    readings: int = 4,
    span: timedelta = timedelta(hours=24),
) -> Frozen | None:
    """Tell since when a meter has said the same, if it was that often and that long.

    `said` is, in the order of time, when it was read, all its values without its clock, and its clock where it has one.
    """
    if not said:
        return None
    _, values, clock = said[-1]
    since, count, clocks = said[-1][0], 0, set()
    for taken, others, time in reversed(said):
        if others != values:
            break
        since, count = taken, count + 1
        clocks.add(time)
    if count < readings or said[-1][0] - since < span:
        return None
    return Frozen(since, count, clock is not None and len(clocks) == 1)
