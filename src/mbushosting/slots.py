"""When the rules of schedules want readings: pure functions of a rule and moments, without a clock.

A slot is an instant, UTC. An `Every` counts from midnight UTC of 1970. A `Calendar` names times of day in a zone, and both its
weekdays and its days must fit; a time that the change to summer leaves out is the first instant after the gap (once, however many
of its times lie there), one that the change to winter repeats is its first occurrence.
"""

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from mbushosting.schedules import Calendar, Every

Rule = Every | Calendar

LONGEST_SEARCH: Final = 8 * 366
"""Days within which every rule that ever comes has come: 29 February, over a century without one."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


class UnknownZoneError(ValueError):
    """This machine knows no such time zone."""


def check_rule(rule: Rule) -> None:
    """Raise `UnknownZoneError` where a rule cannot be followed here."""
    if isinstance(rule, Calendar):
        _zone(rule.zone)


def next_slot(rule: Rule, after: datetime) -> datetime | None:
    """Give the first slot later than a moment; None where the rule never comes. Raise `UnknownZoneError`."""
    if isinstance(rule, Every):
        step = timedelta(minutes=rule.minutes)
        return _EPOCH + ((after - _EPOCH) // step + 1) * step
    for day in _days(rule, after, forward=True):
        for slot in _slots_of(rule, day):
            if slot > after:
                return slot
    return None


def newest_slot(rule: Rule, after: datetime, until: datetime) -> datetime | None:
    """Give the last slot that is later than `after` and not later than `until`; None where there is none.

    Raise `UnknownZoneError`.
    """
    if isinstance(rule, Every):
        step = timedelta(minutes=rule.minutes)
        slot = _EPOCH + ((until - _EPOCH) // step) * step
        return slot if slot > after else None
    first = after.astimezone(_zone(rule.zone)).date() - _DAY
    for day in _days(rule, until, forward=False):
        if day < first:
            return None
        for slot in reversed(_slots_of(rule, day)):
            if slot <= after:
                return None
            if slot <= until:
                return slot
    return None


def slots_between(rule: Rule, since: datetime, until: datetime) -> Iterator[datetime]:
    """Give the slots from `since` on that are earlier than `until`. Raise `UnknownZoneError`."""
    slot = next_slot(rule, since - _SECOND)
    while slot is not None and slot < until:
        if slot >= since:
            yield slot
        slot = next_slot(rule, slot)


def _days(rule: Calendar, moment: datetime, *, forward: bool) -> Iterator[date]:
    """Give the days of a rule from the one around a moment on: a slot can lie on the day after its own, behind a gap."""
    here = moment.astimezone(_zone(rule.zone)).date()
    day = here - _DAY if forward else here
    for _ in range(LONGEST_SEARCH):
        if _is_wanted(rule, day):
            yield day
        day += _DAY if forward else -_DAY


def _is_wanted(rule: Calendar, day: date) -> bool:
    if rule.weekdays and day.isoweekday() not in rule.weekdays:
        return False
    if not rule.days or day.day in rule.days:
        return True
    return -1 in rule.days and day.day == calendar.monthrange(day.year, day.month)[1]


def _slots_of(rule: Calendar, day: date) -> list[datetime]:
    zone = _zone(rule.zone)
    return sorted({_instant(zone, day, minute) for minute in rule.times})


def _instant(zone: ZoneInfo, day: date, minute: int) -> datetime:
    # Of a repeated time, fold 0 is the first one.
    local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    return _end_of_gap(zone, local.replace(fold=1).astimezone(UTC), instant)


def _end_of_gap(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Give the instant between two at which the zone's clocks leap."""
    old = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise UnknownZoneError(f"there is no time zone {name} here") from error
