"""Schedules, commands, and the orders that a master gets of them.

The version of a master's orders is counted here: each time it asks, what it ought to have is put together anew and compared with
what it was; so a meter that moved or joined a group counts like a schedule that was changed.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from mbusheadend.store.changes import Changes
from mbusheadend.store.errors import ChangedError, UnknownError
from mbusheadend.store.fleet import Assignment, CommandState, StoredCommand, StoredSchedule
from mbusheadend.store.sql.connection import Connection, Database, Row, texts
from mbusheadend.store.sql.expectations import renew
from mbusheadend.store.sql.moments import moment_of, stored
from mbusheadend.store.sql.rows import find_master
from mbusheadend.store.sql.schedules import schedule_of, schedules_for, schedules_of
from mbushosting.contact import Command, Orders
from mbushosting.schedules import Schedule

MAX_COMMANDS: Final = 64
"""That go to a master in one message."""
_OPEN: Final = "state IN ('waiting', 'sent')"


class SqlWanted:
    """See `mbusheadend.store.protocol.Wanted`."""

    _database: Database
    _changes: Changes

    async def schedules(self) -> tuple[StoredSchedule, ...]:
        """See the protocol."""
        return await self._database.read(schedules_of)

    async def put_schedule(
        self, schedule: Schedule, assignment: Assignment, now: datetime, known: int | None = None
    ) -> StoredSchedule:
        """See the protocol."""

        def work(connection: Connection) -> tuple[StoredSchedule, frozenset[str]]:
            before = schedule_of(connection, schedule.id)
            if known is not None and known != (0 if before is None else before.schedule.version):
                raise ChangedError(f"somebody else has changed the schedule {schedule.id} meanwhile")
            version = 1 if before is None else before.schedule.version + 1
            put = StoredSchedule(
                schedule.model_copy(update={"version": version}),
                assignment,
                now if before is None else before.since,
            )
            connection.execute(
                "INSERT INTO schedule (id, body, assignment, since) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " body = excluded.body, assignment = excluded.assignment, since = excluded.since",
                (
                    schedule.id,
                    put.schedule.model_dump_json(),
                    json.dumps(asdict(assignment), default=sorted),
                    stored(put.since),
                ),
            )
            touched = _touched(connection, assignment)
            return put, touched if before is None else touched | _touched(connection, before.assignment)

        put, touched = await self._database.write(work)
        self._changes.tell(touched)
        return put

    async def delete_schedule(self, id: str) -> None:
        """See the protocol."""

        def work(connection: Connection) -> frozenset[str]:
            before = schedule_of(connection, id)
            if before is None:
                raise UnknownError(f"there is no schedule {id}")
            connection.execute("DELETE FROM schedule WHERE id = ?", (id,))
            return _touched(connection, before.assignment)

        self._changes.tell(await self._database.write(work))

    async def orders(self, serial: str, known_version: int, meter_list: str, now: datetime) -> Orders:
        """See the protocol."""
        moment = stored(now)
        view = await self._database.read(lambda connection: _view(connection, serial, moment))
        if view.must_write:
            view = await self._database.write(lambda connection: _brought_up(connection, serial, moment))
        return Orders(
            version=view.version,
            schedules=None if known_version == view.version else view.schedules,
            commands=tuple(command for command, _ in view.commands),
            meter_list=view.meter_list,
            time=now,
        )

    async def add_command(self, serial: str, command: Command, now: datetime) -> None:
        """See the protocol."""
        moment = stored(now)

        def work(connection: Connection) -> None:
            master = find_master(connection, serial)["id"]
            connection.execute(
                "INSERT INTO command (id, master, body, state, added, changed, expires)"
                " VALUES (?, ?, ?, 'waiting', ?, ?, ?) ON CONFLICT DO NOTHING",
                (command.id, master, command.model_dump_json(), moment, moment, stored(command.expires)),
            )

        await self._database.write(work)
        self._changes.tell([serial])

    async def cancel_command(self, serial: str, id: str, now: datetime) -> None:
        """See the protocol."""

        def work(connection: Connection) -> None:
            found = connection.execute(
                f"UPDATE command SET state = 'cancelled', changed = ? WHERE master = ? AND id = ? AND {_OPEN}",  # noqa: S608
                (stored(now), find_master(connection, serial)["id"], id),
            )
            if not found.rowcount:
                raise UnknownError(f"no command {id} of the master {serial} is open")

        await self._database.write(work)

    async def commands(self, serial: str, limit: int = 100) -> tuple[StoredCommand, ...]:
        """See the protocol."""

        def work(connection: Connection) -> tuple[StoredCommand, ...]:
            rows = connection.execute(
                "SELECT * FROM command WHERE master = ? ORDER BY added DESC, id LIMIT ?",
                (find_master(connection, serial)["id"], limit),
            )
            return tuple(command_of(serial, row) for row in rows)

        return await self._database.read(work)

    async def command(self, serial: str, id: str) -> StoredCommand:
        """See the protocol."""

        def work(connection: Connection) -> StoredCommand:
            row = connection.execute(
                "SELECT * FROM command WHERE master = ? AND id = ?",
                (find_master(connection, serial)["id"], id),
            ).fetchone()
            if row is None:
                raise UnknownError(f"the master {serial} never had a command {id}")
            return command_of(serial, row)

        return await self._database.read(work)


@dataclass(frozen=True, slots=True)
class _View:
    """What a master ought to have.

    :ivar version: of the orders as they were counted last.
    :ivar is_outdated: whether the schedules are not those of that version.
    :ivar must_write: whether anything of this has to be noted before it is told.
    """

    schedules: tuple[Schedule, ...]
    digest: bytes
    version: int
    is_outdated: bool
    must_write: bool
    commands: tuple[tuple[Command, CommandState], ...]
    meter_list: str


def _view(connection: Connection, serial: str, now: int) -> _View:
    master = find_master(connection, serial)
    schedules = schedules_for(connection, master)
    digest = hashlib.sha256("\n".join(one.model_dump_json() for one in schedules).encode()).digest()[:16]
    rows = connection.execute(
        f"SELECT * FROM command WHERE master = ? AND {_OPEN} ORDER BY added, id",  # noqa: S608
        (master["id"],),
    ).fetchall()
    valid = [row for row in rows if row["expires"] is None or row["expires"] > now][:MAX_COMMANDS]
    return _View(
        schedules,
        digest,
        master["orders"],
        master["orders_digest"] != digest,
        master["orders_digest"] != digest
        or len(valid) < min(len(rows), MAX_COMMANDS)
        or any(row["state"] == CommandState.WAITING for row in valid),
        tuple((Command.model_validate_json(row["body"]), CommandState(row["state"])) for row in valid),
        master["meter_list"],
    )


def _brought_up(connection: Connection, serial: str, now: int) -> _View:
    """Count the version, let commands be sent or expired, and look again."""
    view = _view(connection, serial, now)
    row = find_master(connection, serial)
    master = row["id"]
    if view.is_outdated:
        renew(connection, row, now)
        connection.execute(
            "UPDATE master SET orders = orders + 1, orders_digest = ? WHERE id = ?", (view.digest, master)
        )
    connection.execute(
        f"UPDATE command SET state = 'expired', changed = ? WHERE master = ? AND {_OPEN} AND expires <= ?",  # noqa: S608
        (now, master, now),
    )
    connection.executemany(
        "UPDATE command SET state = 'sent', changed = ? WHERE master = ? AND id = ? AND state = 'waiting'",
        [(now, master, command.id) for command, _ in view.commands],
    )
    return _view(connection, serial, now)


def _touched(connection: Connection, assignment: Assignment) -> frozenset[str]:
    rows = connection.execute(
        "SELECT serial FROM master WHERE removed IS NULL AND (? = 1 OR serial IN texts(?)"
        " OR id IN (SELECT master FROM master_group WHERE name IN texts(?)))",
        (assignment.everybody, texts(assignment.masters), texts(assignment.groups)),
    )
    return frozenset(row["serial"] for row in rows)


def command_of(serial: str, row: Row) -> StoredCommand:
    """Read a row of `command`."""
    return StoredCommand(
        serial,
        Command.model_validate_json(row["body"]),
        CommandState(row["state"]),
        row["detail"],
        moment_of(row["added"]),
        moment_of(row["changed"]),
    )
