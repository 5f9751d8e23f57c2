"""Schedules in the file, and as one master gets them."""

import json
from functools import lru_cache
from typing import Final

from mbusheadend.store.fleet import Assignment, StoredSchedule
from mbusheadend.store.sql.connection import Connection, Row, numbers, texts
from mbusheadend.store.sql.moments import moment_of
from mbusheadend.store.sql.rows import groups_of
from mbushosting.parts import MeterName
from mbushosting.schedules import Schedule

MAX_NAMED: Final = 2500
"""Meters that a schedule can name; of more, all are read."""


def schedules_of(connection: Connection) -> tuple[StoredSchedule, ...]:
    """Give all schedules, by id."""
    rows = connection.execute("SELECT * FROM schedule ORDER BY id")
    return tuple(_parsed(row["body"], row["assignment"], row["since"]) for row in rows)


def schedules_for(connection: Connection, master: Row) -> tuple[Schedule, ...]:
    """Give the schedules as this master gets them: with the names that the meters have there.

    One that is read locally does not call, and gets none.
    """
    if master["local"] is not None:
        return ()
    groups = groups_of(master["groups"])
    found = []
    for stored_schedule in schedules_of(connection):
        assignment = stored_schedule.assignment
        if not assignment.includes(master["serial"], groups):
            continue
        schedule = stored_schedule.schedule
        if assignment.meters or assignment.meter_groups:
            names = _names(connection, master["id"], assignment)
            if not names:
                continue
            schedule = schedule.model_copy(update={"meters": names if len(names) <= MAX_NAMED else ()})
        found.append(schedule)
    return tuple(found)


def _names(connection: Connection, master: int, assignment: Assignment) -> tuple[MeterName, ...]:
    rows = connection.execute(
        "SELECT bus, address FROM stay WHERE master = ? AND until IS NULL AND (meter IN numbers(?)"
        " OR meter IN (SELECT meter FROM meter_group WHERE name IN texts(?)))"
        " ORDER BY bus, address",
        (master, numbers(assignment.meters), texts(assignment.meter_groups)),
    )
    return tuple(MeterName(bus=row["bus"], address=row["address"]) for row in rows)


def schedule_of(connection: Connection, id: str) -> StoredSchedule | None:
    """Give one schedule, None where there is none of this id."""
    row = connection.execute("SELECT * FROM schedule WHERE id = ?", (id,)).fetchone()
    return None if row is None else _parsed(row["body"], row["assignment"], row["since"])


@lru_cache(1024)
def _parsed(body: str, assignment: str, since: int) -> StoredSchedule:
    parts = json.loads(assignment)
    sets = {name: frozenset(value) for name, value in parts.items() if name != "everybody"}
    return StoredSchedule(
        Schedule.model_validate_json(body),
        Assignment(everybody=parts["everybody"], **sets),
        moment_of(since),
    )
