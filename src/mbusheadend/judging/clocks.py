"""How the meter's own clock goes, against the time at which the meter was read.

A meter tells local time without a zone. What the clock is ahead by, in whole quarters of an hour, is taken for the zone (and
summer time); the rest is its error. A clock that tells whole minutes is on average half a minute behind what it tells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

QUARTER: Final = timedelta(minutes=15)
MOST_PAIRS: Final = 200
"""Readings that are compared, spread over all that there are."""
SHORTEST: Final = timedelta(hours=12)
"""Less than this says nothing about how fast a clock goes."""


@dataclass(frozen=True, slots=True)
class ClockState:
    """How a meter's clock goes.

    :ivar zone: what it is ahead of UTC by the zone that it seems to follow.
    :ivar error: how far it is ahead beyond that, at the last reading.
    :ivar drift: how much further ahead it is each day; None where the readings lie too close together.
    :ivar was_set: whether it leapt in this time, by its zone or because somebody set it.
    """

    zone: timedelta
    error: timedelta
    drift: timedelta | None
    was_set: bool


def clock_state(told: Sequence[tuple[datetime, datetime]]) -> ClockState | None:
    """Judge readings in the order of time: when each was taken, and what the meter's clock (without zone) told then."""
    if not told:
        return None
    correction = timedelta(seconds=30) if all(own.second == 0 for _, own in told) else timedelta()
    ahead = [(taken, own.replace(tzinfo=UTC) - taken + correction) for taken, own in told]
    last = ahead[-1][1]
    zone = round(last / QUARTER) * QUARTER
    leaps = [
        number
        for number in range(1, len(ahead))
        if abs(ahead[number][1] - ahead[number - 1][1]) > timedelta(minutes=5)
    ]
    since_leap = ahead[leaps[-1] :] if leaps else ahead
    return ClockState(zone, last - zone, _drift(since_leap), bool(leaps))


def _drift(ahead: list[tuple[datetime, timedelta]]) -> timedelta | None:
    """Give the median slope over pairs of readings (Theil and Sen): single wrong ones do not matter."""
    step = max(1, len(ahead) // MOST_PAIRS)
    spread = ahead[::step]
    half = len(spread) // 2
    if not half:
        return None
    slopes = [
        (late_ahead - early_ahead) / (late - early)
        for (early, early_ahead), (late, late_ahead) in zip(spread[:half], spread[-half:], strict=True)
        if late - early >= SHORTEST
    ]
    return timedelta(days=1) * median(slopes) if slopes else None
