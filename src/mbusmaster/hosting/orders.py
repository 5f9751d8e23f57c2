"""The schedules in force, kept over restarts with what is done of them."""

import asyncio
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from mbushosting.schedules import Schedule
from mbushosting.slots import UnknownZoneError, check_rule
from mbusmaster.hosting.alarms import Alarms
from mbusmaster.hosting.database import (
    Database,
    get_fact,
    milliseconds_of,
    moment_at,
    seconds_of,
    set_fact,
)
from mbusmaster.hosting.plans import Plan
from mbusmaster.hosting.rows import last_row, read_since
from mbusweb.texts import Text, mark

UNKNOWN_ZONE: Final = mark("Schedule %(schedule)s is not followed: there is no time zone %(zone)s here.")
_VERSION: Final = "orders"


class Orders:
    """The schedules in force in the file of hosted reading; `open` reads them.

    :ivar version: of the head-end's orders; 0 is none.
    """

    def __init__(self, database: Database, alarms: Alarms) -> None:
        self.version = 0
        self._database = database
        self._alarms = alarms
        self._plans: dict[str, Plan] = {}
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        """Begin; raise `HostingFileError`."""

        def look(connection: sqlite3.Connection) -> tuple[int, dict[str, Plan]]:
            return int(get_fact(connection, _VERSION) or 0), _load(connection)

        self.version, self._plans = await self._database.read(look)
        self._tell_unknown_zones()

    @property
    def plans(self) -> tuple[Plan, ...]:
        """What can be followed."""
        return tuple(plan for plan in self._plans.values() if plan.schedule.enabled and _can_follow(plan))

    def plan(self, schedule: str) -> Plan | None:
        """Give one by its id, as long as it is to be followed."""
        plan = self._plans.get(schedule)
        return plan if plan is not None and plan.schedule.enabled and _can_follow(plan) else None

    async def take(self, version: int, schedules: Iterable[Schedule], now: datetime) -> None:
        """Put other orders in force; what is done of a schedule that stays is done. Raise `HostingFileError`."""
        async with self._changing:
            await self._take(version, schedules, now)

    async def begin(self, schedule: str, slot: datetime, now: datetime) -> Plan | None:
        """A round begins; None where the schedule is not in force any more. Raise `HostingFileError`."""
        async with self._changing:
            plan = self._plans.get(schedule)
            if plan is None:
                return None
            begun = replace(plan, checked=now, runs=list(plan.runs))
            forgotten = begun.begin(slot)

            def store(connection: sqlite3.Connection) -> None:
                begun.first = last_row(connection)
                _store(connection, begun)
                if forgotten is not None:
                    connection.execute(
                        "DELETE FROM done WHERE schedule = ? AND first = ?",
                        (schedule, seconds_of(forgotten[0])),
                    )
                first, last = begun.runs[-1]
                connection.execute(
                    "INSERT INTO done (schedule, first, last) VALUES (?, ?, ?)"
                    " ON CONFLICT (schedule, first) DO UPDATE SET last = excluded.last",
                    (schedule, seconds_of(first), seconds_of(last)),
                )

            await self._database.change(store)
            self._plans[schedule] = begun
            return begun

    async def finish(self, schedule: str, slot: datetime) -> None:
        """A round is finished; raise `HostingFileError`."""
        async with self._changing:
            plan = self._plans.get(schedule)
            if plan is None or plan.slot != slot:
                return
            done = replace(plan, slot=None)
            await self._database.change(lambda connection: _store(connection, done))
            self._plans[schedule] = done

    async def already_read(self, schedule: str, slot: datetime, first: int) -> set[tuple[str, str]]:
        """Tell which meters have their reading of a round that was begun; raise `HostingFileError`."""
        return await self._database.read(
            lambda connection: read_since(connection, schedule, seconds_of(slot), first)
        )

    async def _take(self, version: int, schedules: Iterable[Schedule], now: datetime) -> None:
        plans: dict[str, Plan] = {}
        for schedule in schedules:
            known = self._plans.get(schedule.id)
            # While it was off nothing was missed, and before it was there neither.
            went_on = known is not None and known.schedule.enabled
            plans[schedule.id] = (
                Plan(schedule, now)
                if known is None
                else replace(known, schedule=schedule, checked=known.checked if went_on else now)
            )

        def store(connection: sqlite3.Connection) -> None:
            for gone in self._plans.keys() - plans.keys():
                connection.execute("DELETE FROM schedule WHERE id = ?", (gone,))
                connection.execute("DELETE FROM done WHERE schedule = ?", (gone,))
            for plan in plans.values():
                _store(connection, plan)
            set_fact(connection, _VERSION, str(version))

        await self._database.change(store)
        self.version, self._plans = version, plans
        self._tell_unknown_zones()

    def _tell_unknown_zones(self) -> None:
        for plan in self._plans.values():
            schedule = plan.schedule
            if schedule.enabled and not _can_follow(plan):
                zone = getattr(schedule.rule, "zone", "")
                self._alarms.begin("zone", Text(UNKNOWN_ZONE, {"schedule": schedule.id, "zone": zone}))
                return
        self._alarms.end("zone")


def _can_follow(plan: Plan) -> bool:
    try:
        check_rule(plan.schedule.rule)
    except UnknownZoneError:
        return False
    return True


def _store(connection: sqlite3.Connection, plan: Plan) -> None:
    connection.execute(
        "INSERT INTO schedule VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body,"
        " checked = excluded.checked, slot = excluded.slot, first = excluded.first",
        (
            plan.schedule.id,
            plan.schedule.model_dump_json(),
            milliseconds_of(plan.checked),
            None if plan.slot is None else seconds_of(plan.slot),
            plan.first,
        ),
    )


def _load(connection: sqlite3.Connection) -> dict[str, Plan]:
    plans = {}
    for row in connection.execute("SELECT * FROM schedule ORDER BY id"):
        try:
            schedule = Schedule.model_validate_json(row["body"])
        except ValidationError:
            # Written by another version of this program: the head-end sends it again.
            set_fact(connection, _VERSION, "0")
            continue
        runs = connection.execute(
            "SELECT first, last FROM done WHERE schedule = ? ORDER BY number", (schedule.id,)
        )
        plans[schedule.id] = Plan(
            schedule,
            moment_at(row["checked"]),
            None if row["slot"] is None else moment_at(1000 * row["slot"]),
            row["first"],
            [(moment_at(1000 * first), moment_at(1000 * last)) for first, last in runs],
        )
    return plans
