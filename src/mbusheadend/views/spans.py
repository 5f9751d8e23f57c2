"""Times that are looked at: by name, which move on with the clock, or from one moment to another."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DEFAULT: Final = "week"
LENGTHS: Final = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=31),
    "quarter": timedelta(days=92),
    "year": timedelta(days=366),
    "years": timedelta(days=5 * 366),
}
"""How far back from now each named time reaches."""
FURTHEST: Final = timedelta(days=366 * 100)


@dataclass(frozen=True, slots=True)
class Span:
    """A time that is looked at.

    :ivar name: of `LENGTHS`; empty for one from a moment to another.
    :ivar until: the moment behind it.
    """

    name: str
    since: datetime
    until: datetime

    @property
    def is_open(self) -> bool:
        """Whether it reaches up to now, so that there can be more."""
        return bool(self.name)


def usual_name(first: datetime | None, now: datetime) -> str:
    """Name the time that shows what there is: back to the first reading, and no further than by custom."""
    reaching = (name for name, length in LENGTHS.items() if first is not None and now - length <= first)
    name = next(reaching, DEFAULT)
    return min(name, DEFAULT, key=LENGTHS.__getitem__)


def span_of(name: str, since: str, until: str, now: datetime, zone: str = "UTC") -> Span:
    """Read what an address says: a name, or two ends as dates or moments; nothing at all is the last week.

    A date is a day in the zone: the first from its beginning, the last to its end. Moments without a zone are of this zone.
    Raise `ValueError` for what is none.
    """
    if name in LENGTHS:
        return Span(name, now - LENGTHS[name], now)
    if name:
        raise ValueError(f"there is no time named {name[:20]}")
    if not since and not until:
        return Span(DEFAULT, now - LENGTHS[DEFAULT], now)
    place = zone_of(zone)
    end = _moment(until, place, is_end=True) if until else now
    begin = _moment(since, place, is_end=False) if since else end - LENGTHS[DEFAULT]
    if not begin < end:
        raise ValueError("the time ends before it begins")
    if abs(now - begin) > FURTHEST or abs(now - end) > FURTHEST:
        raise ValueError("this time is too far away")
    return Span("", begin, end)


def zone_of(name: str) -> ZoneInfo:
    """Give a time zone; raise `ValueError` where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"there is no time zone {name[:64]} here") from None


def _moment(text: str, place: ZoneInfo, *, is_end: bool) -> datetime:
    try:
        if len(text) == len("2026-01-01"):
            day = date.fromisoformat(text) + timedelta(days=is_end)
            return datetime.combine(day, time(), place).astimezone(UTC)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=place)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is no day and no moment such as 2026-11-23T04:05Z") from None
