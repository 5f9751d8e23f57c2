"""Counters that only rise, and what is the matter when one does not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
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
