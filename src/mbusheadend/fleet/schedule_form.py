"""A schedule as a form has it: texts that people type, what is wrong with each, and the schedule that they make."""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import ValidationError

from mbusheadend.fleet.desk import Desk
from mbusheadend.store import Assignment, ChangedError, StoredSchedule
from mbusheadend.store.browsing import GroupKind
from mbushosting.schedules import Calendar, Every, Missed, Schedule
from mbushosting.slots import Rule, UnknownZoneError, check_rule
from mbusweb.locale import gettext as _

LONGEST_TITLE: Final = 128
MOST_NAMED: Final = 2500
MOST_SCHEDULES: Final = 256
"""As many a master can have."""
_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3])[:.]([0-5][0-9])")
_UNITS: Final = {"minutes": 1, "hours": 60, "days": 1440}


@dataclass(frozen=True, slots=True)
class ScheduleForm:
    """What stands in the fields.

    :ivar id: empty for a new schedule.
    :ivar known: version that was looked at, 0 for a new one.
    :ivar kind: of the rule, ``every`` or ``calendar``.
    :ivar days: of the month, as typed; `last_day` is the last one.
    :ivar masters: serial numbers; :ivar meters: identities.
    :ivar problems: what is wrong, by field; in the visitor's language.
    """

    id: str = ""
    known: int = 0
    title: str = ""
    kind: str = "calendar"
    count: str = "1"
    unit: str = "hours"
    times: str = "00:00"
    zone: str = "UTC"
    weekdays: frozenset[int] = frozenset()
    days: str = ""
    last_day: bool = False
    application_reset: bool = False
    missed: str = Missed.MAKE_UP.value
    budget: str = ""
    silent_at_end: bool = False
    remembered_rate: bool = False
    enabled: bool = True
    everybody: bool = False
    groups: frozenset[str] = frozenset()
    masters: tuple[str, ...] = ()
    meter_groups: frozenset[str] = frozenset()
    meters: tuple[str, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, values: Mapping[str, Sequence[str]]) -> "ScheduleForm":
        """Read what a browser sent: all values by name."""

        def one(name: str, otherwise: str = "") -> str:
            return (values.get(name) or [otherwise])[-1].strip()[:4096]

        known = one("known", "0")
        return cls(
            id=one("id"),
            known=int(known) if known.isascii() and known.isdecimal() and len(known) < 10 else 0,
            title=one("title"),
            kind="every" if one("kind") == "every" else "calendar",
            count=one("count"),
            unit=one("unit", "hours"),
            times=one("times"),
            zone=one("zone", "UTC"),
            weekdays=frozenset(int(day) for day in values.get("weekday", ()) if day in {*"1234567"}),
            days=one("days"),
            last_day=one("last_day") == "true",
            application_reset=one("application_reset") == "true",
            missed=one("missed", Missed.MAKE_UP.value),
            budget=one("budget"),
            silent_at_end=one("silent_at_end") == "true",
            remembered_rate=one("remembered_rate") == "true",
            enabled=one("enabled") == "true",
            everybody=one("everybody") == "true",
            groups=frozenset(values.get("group", ())),
            masters=_words(values.get("master", ())),
            meter_groups=frozenset(values.get("meter_group", ())),
            meters=_words(values.get("meter", ())),
        )


class ScheduleFormError(ValueError):
    """A form that makes no schedule.

    :ivar form: with what is wrong.
    """

    def __init__(self, form: ScheduleForm) -> None:
        super().__init__("; ".join(form.problems.values()))
        self.form = form


async def form_of(desk: Desk, stored: StoredSchedule) -> ScheduleForm:
    """Give the form of a schedule. Raise `StoreError`."""
    schedule, assignment = stored.schedule, stored.assignment
    identities = [(await desk.store.meter(number)).identity for number in sorted(assignment.meters)]
    form = ScheduleForm(
        id=schedule.id,
        known=schedule.version,
        title=schedule.title,
        application_reset=schedule.application_reset,
        missed=schedule.missed.value,
        budget="" if schedule.budget is None else str(schedule.budget),
        silent_at_end=schedule.silent_at_end,
        remembered_rate=schedule.remembered_rate,
        enabled=schedule.enabled,
        everybody=assignment.everybody,
        groups=assignment.groups,
        masters=tuple(sorted(assignment.masters)),
        meter_groups=assignment.meter_groups,
        meters=tuple(identities),
    )
    rule = schedule.rule
    if isinstance(rule, Every):
        unit = next(name for name in ("days", "hours", "minutes") if rule.minutes % _UNITS[name] == 0)
        return replace(form, kind="every", count=str(rule.minutes // _UNITS[unit]), unit=unit)
    return replace(
        form,
        times=", ".join(f"{minute // 60:02}:{minute % 60:02}" for minute in sorted(rule.times)),
        zone=rule.zone,
        weekdays=frozenset(rule.weekdays),
        days=", ".join(str(day) for day in sorted(set(rule.days)) if day > 0),
        last_day=-1 in rule.days,
    )


def rule_of(form: ScheduleForm) -> Rule:
    """Give the rule of a form alone. Raise `ScheduleFormError`."""
    problems: dict[str, str] = {}
    rule = _rule(form, problems)
    if rule is None or problems:
        raise ScheduleFormError(replace(form, problems=problems))
    return rule


async def put_form(desk: Desk, form: ScheduleForm) -> StoredSchedule:
    """Store what a form says. Raise `ScheduleFormError`, `StoreError`."""
    problems: dict[str, str] = {}
    rule = _rule(form, problems)
    assignment = await _assignment(desk, form, problems)
    facts = _facts(form, problems)
    if not form.id and len(await desk.store.schedules()) >= MOST_SCHEDULES:
        problems[""] = _("There are %(count)d schedules already; delete one first.") % {
            "count": MOST_SCHEDULES
        }
    if problems or rule is None:
        raise ScheduleFormError(replace(form, problems=problems))
    try:
        schedule = Schedule.model_validate({"id": form.id or _new_id(form.title), "rule": rule, **facts})
    except ValidationError as error:
        raise ScheduleFormError(replace(form, problems={"": str(error.errors()[0]["msg"])})) from error
    try:
        return await desk.store.put_schedule(schedule, assignment, desk.now(), form.known)
    except ChangedError:
        text = _(
            "Somebody else has changed this schedule meanwhile. Load the page again, and make your change once more."
        )
        raise ScheduleFormError(replace(form, problems={"": text})) from None


def _facts(form: ScheduleForm, problems: dict[str, str]) -> dict[str, object]:
    if not form.title:
        problems["title"] = _("Give it a title, so that people know what it is for.")
    elif len(form.title) > LONGEST_TITLE or not form.title.isprintable():
        problems["title"] = _("A title has at most %(count)d printable characters.") % {
            "count": LONGEST_TITLE
        }
    budget = _number(form.budget, 1, 1440) if form.budget else None
    if form.budget and budget is None:
        problems["budget"] = _("A budget is a number from 1 to 1440; leave it empty for no limit.")
    if form.missed not in set(Missed):
        problems["missed"] = _("Choose one of the list.")
    return {
        "title": form.title,
        "budget": budget,
        "missed": form.missed,
        "application_reset": form.application_reset,
        "silent_at_end": form.silent_at_end,
        "remembered_rate": form.remembered_rate,
        "enabled": form.enabled,
    }


def _rule(form: ScheduleForm, problems: dict[str, str]) -> Rule | None:
    if form.kind == "every":
        count = _number(form.count, 1, 44640)
        minutes = None if count is None or form.unit not in _UNITS else count * _UNITS[form.unit]
        if minutes is None or minutes > 44640:
            problems["count"] = _("Give a number; the longest distance is 31 days.")
            return None
        return Every(minutes=minutes)
    times, days = _times(form.times, problems), _days(form, problems)
    if not times or days is None:
        return None
    try:
        rule = Calendar(zone=form.zone, times=times, weekdays=tuple(sorted(form.weekdays)), days=days)
        check_rule(rule)
    except (ValidationError, UnknownZoneError):
        problems["zone"] = _("There is no time zone of this name. Choose one, such as Europe/Copenhagen.")
        return None
    return rule


def _times(text: str, problems: dict[str, str]) -> tuple[int, ...]:
    found = set()
    for part in re.split(r"[,;\s]+", text.strip(", ;")):
        match = _TIME.fullmatch(part)
        if match is None:
            problems["times"] = _("Give times of day such as 06:00, 18:00, with commas between them.")
            return ()
        found.add(int(match[1]) * 60 + int(match[2]))
    if len(found) > 96:
        problems["times"] = _("At most 96 times a day; more often, read at fixed distances.")
        return ()
    return tuple(sorted(found))


def _days(form: ScheduleForm, problems: dict[str, str]) -> tuple[int, ...] | None:
    parts = [part for part in re.split(r"[,;\s]+", form.days) if part]
    numbers = [_number(part, 1, 31) for part in parts]
    days = {number for number in numbers if number is not None}
    if len(numbers) > 31 or None in numbers:
        problems["days"] = _("Give days of the month from 1 to 31, with commas between them, or none.")
        return None
    return (*sorted(days), *((-1,) if form.last_day and len(days) < 31 else ()))


async def _assignment(desk: Desk, form: ScheduleForm, problems: dict[str, str]) -> Assignment:
    masters = {master.serial for master in await desk.store.masters() if master.local is None}
    groups = await desk.store.groups(GroupKind.MASTERS)
    meter_groups = await desk.store.groups(GroupKind.METERS)
    if unknown := [serial for serial in form.masters if serial not in masters]:
        problems["master"] = _("There is no master %(serial)s that calls.") % {"serial": unknown[0]}
    if unknown := [name for name in form.groups if name not in groups]:
        problems["group"] = _("There is no group %(name)s.") % {"name": unknown[0]}
    if unknown := [name for name in form.meter_groups if name not in meter_groups]:
        problems["meter_group"] = _("There is no group %(name)s.") % {"name": unknown[0]}
    if not (form.everybody or form.groups or form.masters):
        problems["everybody"] = _("Say at which masters: all, those of a group, or some.")
    meters = await _meters(desk, form.meters, problems)
    return Assignment(
        frozenset(form.masters), form.groups, form.everybody, frozenset(meters), form.meter_groups
    )


async def _meters(desk: Desk, identities: Sequence[str], problems: dict[str, str]) -> set[int]:
    if len(identities) > MOST_NAMED:
        problems["meter"] = _("At most %(count)d meters can be named; make a group of them.") % {
            "count": MOST_NAMED
        }
        return set()
    if not identities:
        return set()
    numbers = {meter.identity: meter.id for meter in await desk.store.meters()}
    wanted = [identity if identity in numbers else identity.upper() for identity in identities]
    if unknown := [identity for identity in wanted if identity not in numbers]:
        problems["meter"] = _("There is no meter %(identity)s.") % {"identity": unknown[0][:80]}
        return set()
    return {numbers[identity] for identity in wanted}


def _new_id(title: str) -> str:
    word = "-".join(re.findall(r"[a-z0-9]+", title.lower()))[:40].strip("-")
    return f"{word or 'schedule'}-{secrets.token_hex(3)}"


def _number(text: str, least: int, most: int) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return None
    return int(text) if least <= int(text) <= most else None


def _words(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(word for text in texts for word in re.split(r"[,;\s]+", text[: 1 << 17]) if word)
    )
