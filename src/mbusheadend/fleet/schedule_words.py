"""Schedules in words, in the visitor's language, and what the change to summer and to winter does to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from mbusheadend.store import Assignment, StoredSchedule
from mbushosting.schedules import Calendar, Every, Missed, Schedule
from mbushosting.slots import Rule, UnknownZoneError, next_slot, slots_between
from mbusweb.locale import gettext as _
from mbusweb.locale import ngettext

NEXT: Final = 3
LOOK_AHEAD: Final = timedelta(days=366)
_HOUR: Final = 60
_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Slot:
    """When something is read: in UTC, and by the clocks of the schedule's zone."""

    at: datetime
    local: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the clocks in a zone, and what is read on that day.

    :ivar at: the instant.
    :ivar forward: whether clocks go forward (an hour is left out), or back (an hour comes twice).
    :ivar slots: of that day; empty where the rule wants none then.
    """

    at: datetime
    local: datetime
    forward: bool
    slots: tuple[Slot, ...]

    @property
    def times(self) -> str:
        """What the clocks of the zone show at the slots."""
        return ", ".join(f"{slot.local:%H:%M}" for slot in self.slots)


def weekday_names() -> tuple[str, ...]:
    """Give Monday to Sunday."""
    return (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))


def rule_text(rule: Rule) -> str:
    """Say when: “every day at 06:00 and 18:00, Europe/Copenhagen”."""
    if isinstance(rule, Every):
        return _every_text(rule.minutes)
    days = _days_text(rule)
    times = listed(f"{minute // 60:02}:{minute % 60:02}" for minute in sorted(rule.times))
    return _("%(days)s at %(times)s, %(zone)s") % {"days": days, "times": times, "zone": rule.zone}


def way_text(schedule: Schedule) -> str:
    """Say how: what is sent, what becomes of missed slots, the budget, the order."""
    parts = [
        _("an application reset first") if schedule.application_reset else "",
        _("missed ones are made up") if schedule.missed is Missed.MAKE_UP else _("missed ones are skipped"),
        _("silent meters again at the end of the round") if schedule.silent_at_end else "",
        _("the remembered rate first") if schedule.remembered_rate else "",
    ]
    if schedule.budget is not None:
        parts.append(
            ngettext(
                "at most %(count)d reading of a meter in a day",
                "at most %(count)d readings of a meter in a day",
                schedule.budget,
            )
            % {"count": schedule.budget}
        )
    return ", ".join(part for part in parts if part)


def who_text(assignment: Assignment) -> str:
    """Say for whom: “all meters of the group South, at all masters”."""
    return _("%(meters)s, %(masters)s") % {
        "meters": _meters_text(assignment),
        "masters": _masters_text(assignment),
    }


def schedule_text(stored: StoredSchedule) -> str:
    """Say it all in one sentence."""
    schedule = stored.schedule
    sentence = ", ".join((rule_text(schedule.rule), who_text(stored.assignment), way_text(schedule)))
    return sentence[:1].upper() + sentence[1:] + "."


def next_slots(rule: Rule, now: datetime, count: int = NEXT) -> tuple[Slot, ...]:
    """Give the slots that come next; none where the rule never comes. Raise `UnknownZoneError`."""
    zone, at = zone_of(rule), now
    slots: list[Slot] = []
    while len(slots) < count:
        found = next_slot(rule, at)
        if found is None:
            break
        slots.append(_slot(found, zone))
        at = found
    return tuple(slots)


def clock_changes(rule: Rule, now: datetime) -> tuple[Change, ...]:
    """Give the next change of the clocks to summer and to winter, in order. Raise `UnknownZoneError`.

    None where they have no part in the rule: it counts minutes, or its zone has no summer time.
    """
    if isinstance(rule, Every):
        return ()
    zone = zone_of(rule)
    found: dict[bool, Change] = {}
    day = now
    while day < now + LOOK_AHEAD and len(found) < 2:
        before, after = (
            day.astimezone(zone).utcoffset(),
            (day + timedelta(days=1)).astimezone(zone).utcoffset(),
        )
        if before is not None and after is not None and before != after:
            at = _instant_of_change(zone, day, day + timedelta(days=1))
            found.setdefault(after > before, _change(rule, zone, at, forward=after > before))
        day += timedelta(days=1)
    return tuple(sorted(found.values(), key=lambda change: change.at))


def zone_of(rule: Rule) -> ZoneInfo:
    """Give the zone of a rule; UTC for one that counts minutes. Raise `UnknownZoneError`."""
    if isinstance(rule, Every):
        return ZoneInfo("UTC")
    try:
        return ZoneInfo(rule.zone)
    except (KeyError, OSError, ValueError) as error:
        raise UnknownZoneError(f"there is no time zone {rule.zone} here") from error


def listed(parts: Iterable[str]) -> str:
    """Give “a, b and c”."""
    *first, last = [*parts] or [""]
    return _("%(first)s and %(last)s") % {"first": ", ".join(first), "last": last} if first else last


def _every_text(minutes: int) -> str:
    if minutes % _DAY == 0:
        count = minutes // _DAY
        return ngettext("every day at 00:00, UTC", "every %(count)d days at 00:00, UTC", count) % {
            "count": count
        }
    if minutes % _HOUR == 0:
        count = minutes // _HOUR
        return ngettext("every hour", "every %(count)d hours", count) % {"count": count}
    return ngettext("every minute", "every %(count)d minutes", minutes) % {"count": minutes}


def _days_text(rule: Calendar) -> str:
    weekdays = weekday_names()
    on = listed(weekdays[day - 1] for day in sorted(set(rule.weekdays)))
    days = [str(day) for day in sorted(set(rule.days)) if day > 0]
    month = listed([*days, *([_("the last")] if -1 in rule.days else [])])
    if rule.weekdays and rule.days:
        return _("on %(weekdays)s that are day %(days)s of the month") % {"weekdays": on, "days": month}
    if rule.weekdays:
        return _("every %(weekdays)s") % {"weekdays": on}
    if rule.days:
        return _("on day %(days)s of the month") % {"days": month}
    return _("every day")


def _meters_text(assignment: Assignment) -> str:
    parts = []
    if assignment.meter_groups:
        names = listed(sorted(assignment.meter_groups))
        parts.append(
            ngettext(
                "all meters of the group %(names)s",
                "all meters of the groups %(names)s",
                len(assignment.meter_groups),
            )
            % {"names": names}
        )
    if assignment.meters:
        count = len(assignment.meters)
        parts.append(ngettext("%(count)d chosen meter", "%(count)d chosen meters", count) % {"count": count})
    return listed(parts) if parts else _("all meters")


def _masters_text(assignment: Assignment) -> str:
    if assignment.everybody:
        return _("at all masters")
    parts = []
    if assignment.groups:
        names = listed(sorted(assignment.groups))
        parts.append(
            ngettext(
                "at masters of the group %(names)s",
                "at masters of the groups %(names)s",
                len(assignment.groups),
            )
            % {"names": names}
        )
    if assignment.masters:
        serials = sorted(assignment.masters)
        parts.append(
            ngettext("at master %(serials)s", "at masters %(serials)s", len(serials))
            % {"serials": listed(serials)}
            if len(serials) <= 3
            else _("at %(count)s masters") % {"count": len(serials)}
        )
    return listed(parts) if parts else _("at no master")


def _slot(at: datetime, zone: ZoneInfo) -> Slot:
    return Slot(at, at.astimezone(zone))


def _change(rule: Calendar, zone: ZoneInfo, at: datetime, *, forward: bool) -> Change:
    local = at.astimezone(zone)
    begin = _midnight(local.date(), zone)
    end = _midnight(local.date() + timedelta(days=1), zone)
    slots = tuple(_slot(slot, zone) for slot in slots_between(rule, begin, end))
    return Change(at, local, forward, slots)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _instant_of_change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(minutes=1):
        middle = before + (after - before) / 2
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == old else (before, middle)
    return after.replace(second=0, microsecond=0)
