"""When updates may begin."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from mbusheadend.rollout.plan import LAST_MINUTE, Hours

DAYS_AHEAD: Final = 8


def open_until(hours: Hours, now: datetime) -> datetime | None:
    """Give when the time in which updates may begin ends; None where it is not now. What is always open ends far away."""
    if hours.is_always:
        return now + timedelta(days=365)
    return next((end for begin, end in _windows(hours, now, -1) if begin <= now < end), None)


def opens_at(hours: Hours, now: datetime) -> datetime | None:
    """Give when it begins the next time; `now` while it is open, None where it never does."""
    if open_until(hours, now) is not None:
        return now
    return next((begin for begin, end in _windows(hours, now, 0) if begin > now and end > begin), None)


def _windows(hours: Hours, now: datetime, first: int) -> list[tuple[datetime, datetime]]:
    """Give begin and end, in UTC, on the days around now."""
    zone = ZoneInfo(hours.zone)
    today = now.astimezone(zone).date()
    found = []
    for days in range(first, DAYS_AHEAD + 1):
        day = today + timedelta(days=days)
        if hours.weekdays and day.isoweekday() not in hours.weekdays:
            continue
        end_day = day if hours.end > hours.begin else day + timedelta(days=1)
        found.append((_at(day, hours.begin, zone), _at(end_day, hours.end, zone)))
    return found


def _at(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Give a minute of a day in UTC; the last one is midnight of the next day."""
    if minute == LAST_MINUTE:
        day, minute = day + timedelta(days=1), 0
    return datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)
