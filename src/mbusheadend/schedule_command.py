"""``mbusheadend schedule``: which masters read when; a running head-end hands changes on within seconds."""

import argparse
import json
import re
from typing import Any, Final

from pydantic import ValidationError

from mbusheadend.errors import HeadEndError
from mbusheadend.state import utc_now
from mbusheadend.store import Assignment, Store, StoredSchedule
from mbushosting.schedules import Calendar, Every, Missed, Schedule
from mbushosting.slots import UnknownZoneError, check_rule

_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


async def run(options: argparse.Namespace, store: Store) -> None:
    """Do what the options say. Raise `HeadEndError` or `mbusheadend.store.StoreError`."""
    match options.action:
        case "add":
            await _add(options, store)
        case "list":
            _show(await store.schedules(), as_json=options.json)
        case _:
            await store.delete_schedule(options.id)
            print(f"schedule {options.id} is gone")


async def _add(options: argparse.Namespace, store: Store) -> None:
    assignment = Assignment(frozenset(options.master), frozenset(options.group), options.everybody)
    if not (assignment.masters or assignment.groups or assignment.everybody):
        raise HeadEndError("for whom? name masters (--master), groups (--group), or all (--everybody)")
    stored = await store.put_schedule(_schedule(options), assignment, utc_now())
    print(f"schedule {stored.schedule.id}, version {stored.schedule.version}: {_rule(stored.schedule)}")


def _schedule(options: argparse.Namespace) -> Schedule:
    facts: dict[str, Any] = {
        "id": options.id,
        "title": options.title,
        "missed": Missed.SKIP if options.skip else Missed.MAKE_UP,
        "budget": options.budget,
        "application_reset": options.application_reset,
        "silent_at_end": options.silent_at_end,
        "remembered_rate": options.remembered_rate,
    }
    if options.every is not None:
        facts["rule"] = {"kind": "every", "minutes": options.every}
    else:
        facts["rule"] = {
            "kind": "calendar",
            "zone": options.zone,
            "times": [_minute(text) for text in options.at.split(",")],
            "weekdays": options.weekdays,
            "days": options.days,
        }
    try:
        schedule = Schedule.model_validate(facts)
        check_rule(schedule.rule)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise HeadEndError(f"{where}: {first['msg']}") from error
    except UnknownZoneError as error:
        raise HeadEndError(f"there is no time zone {options.zone} here") from error
    return schedule


def _minute(text: str) -> int:
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", text.strip())
    if found is None:
        raise HeadEndError(f"{text!r} is no time of day, such as 06:30")
    return 60 * int(found[1]) + int(found[2])


def _show(schedules: tuple[StoredSchedule, ...], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([_as_json(one) for one in schedules]))
        return
    for one in schedules:
        print(f"{one.schedule.id:<16}  {_rule(one.schedule):<40}  {_whom(one.assignment)}")


def _as_json(one: StoredSchedule) -> dict[str, Any]:
    return {
        **one.schedule.model_dump(mode="json"),
        "masters": sorted(one.assignment.masters),
        "groups": sorted(one.assignment.groups),
        "everybody": one.assignment.everybody,
    }


def _rule(schedule: Schedule) -> str:
    match schedule.rule:
        case Every(minutes=minutes):
            return f"every {minutes} min"
        case Calendar() as rule:
            times = ", ".join(f"{minute // 60:02}:{minute % 60:02}" for minute in rule.times)
            weekdays = ", ".join(_WEEKDAYS[number - 1] for number in rule.weekdays)
            days = ", ".join("last" if day == -1 else str(day) for day in rule.days)
            parts = (times, rule.zone, weekdays, f"day {days} of the month" if days else "")
            return " ".join(filter(None, parts))


def _whom(assignment: Assignment) -> str:
    if assignment.everybody:
        return "everybody"
    groups = [f"group {name}" for name in sorted(assignment.groups)]
    return ", ".join([*sorted(assignment.masters), *groups])
