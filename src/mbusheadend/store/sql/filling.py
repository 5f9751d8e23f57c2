"""Gaps that are being filled, in the file."""

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from mbus.application.datatypes import Value
from mbusheadend.decoding.registers import Register
from mbusheadend.filling.gaps import Filled, FillState, GapFill, Source
from mbusheadend.store.sql.connection import Connection, Database, Row
from mbusheadend.store.sql.moments import moment_of, stored

_KINDS: Final = {"int": int, "Decimal": Decimal, "float": float, "str": str}


class SqlFilling:
    """See `mbusheadend.store.watching.Filling`."""

    _database: Database

    async def fills(self, serial: str | None = None, meter: int | None = None) -> tuple[GapFill, ...]:
        """See the protocol."""
        query = """
            SELECT * FROM fill WHERE (?1 IS NULL OR meter = ?1) AND (?2 IS NULL OR meter IN
                (SELECT meter FROM stay WHERE until IS NULL AND master = (SELECT id FROM master WHERE serial = ?2)))
            ORDER BY last DESC, meter, schedule
        """
        return await self._database.read(
            lambda connection: tuple(_fill(row) for row in connection.execute(query, (meter, serial)))
        )

    async def put_fills(self, fills: Iterable[GapFill], gone: Iterable[GapFill]) -> None:
        """See the protocol."""
        there, over = [_fill_row(one) for one in fills], [_fill_row(one)[:3] for one in gone]
        if not there and not over:
            return

        def work(connection: Connection) -> None:
            connection.executemany("DELETE FROM fill WHERE meter = ? AND schedule = ? AND first = ?", over)
            connection.executemany(
                "INSERT INTO fill (meter, schedule, first, last, slots, state, asked_history, asked_meter, due,"
                " command, tried, changed) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12"
                " WHERE EXISTS (SELECT 1 FROM meter WHERE id = ?1) ON CONFLICT (meter, schedule, first) DO UPDATE SET"
                " last = excluded.last, slots = excluded.slots, state = excluded.state,"
                " asked_history = excluded.asked_history, asked_meter = excluded.asked_meter, due = excluded.due,"
                " command = excluded.command, tried = excluded.tried, changed = excluded.changed",
                there,
            )

        await self._database.write(work)

    async def put_filled(self, filled: Iterable[Filled]) -> None:
        """See the protocol."""
        rows = [
            (
                one.meter, one.schedule, stored(one.slot), one.source, bytes.fromhex(one.reading), stored(one.taken),
                one.storage, one.is_by_day, _written(one.values),
            )
            for one in filled
        ]  # fmt: skip
        if not rows:
            return

        def work(connection: Connection) -> None:
            connection.executemany(
                "INSERT INTO filled (meter, schedule, slot, source, reading, taken, storage, is_by_day, body)"
                " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE EXISTS (SELECT 1 FROM meter WHERE id = ?1)"
                " ON CONFLICT (meter, slot, schedule) DO UPDATE SET source = excluded.source, reading = excluded.reading,"
                " taken = excluded.taken,"
                " storage = excluded.storage, is_by_day = excluded.is_by_day, body = excluded.body"
                " WHERE excluded.source = 'read again' AND filled.source != 'read again'",
                rows,
            )

        await self._database.write(work)

    async def filled(self, meter: int, since: datetime, until: datetime) -> tuple[Filled, ...]:
        """See the protocol."""
        query = "SELECT * FROM filled WHERE meter = ? AND slot >= ? AND slot < ? ORDER BY slot, schedule"
        rows = await self._database.read(
            lambda connection: connection.execute(query, (meter, stored(since), stored(until))).fetchall()
        )
        return tuple(
            Filled(
                row["meter"],
                row["schedule"],
                moment_of(row["slot"]),
                Source(row["source"]),
                row["reading"].hex(),
                moment_of(row["taken"]),
                row["storage"],
                bool(row["is_by_day"]),
                _read(row["body"]),
            )
            for row in rows
        )


def _fill_row(one: GapFill) -> tuple[Any, ...]:
    return (
        one.meter, one.schedule, stored(one.first), stored(one.last), one.slots, one.state, one.asked_history,
        one.asked_meter, stored(one.due), one.command, one.tried, stored(one.changed),
    )  # fmt: skip


def _fill(row: Row) -> GapFill:
    return GapFill(
        row["meter"],
        row["schedule"],
        moment_of(row["first"]),
        moment_of(row["last"]),
        row["slots"],
        FillState(row["state"]),
        row["asked_history"],
        row["asked_meter"],
        moment_of(row["due"]),
        row["command"],
        row["tried"],
        moment_of(row["changed"]),
    )


def _written(values: Iterable[tuple[Register, Value]]) -> str:
    return json.dumps(
        [[*register, type(value).__name__, str(value)] for register, value in values], ensure_ascii=False
    )


def _read(body: str) -> tuple[tuple[Register, Value], ...]:
    found = []
    for *parts, kind, text in json.loads(body):
        register = Register._make([tuple(part) if isinstance(part, list) else part for part in parts])
        found.append((register, _KINDS[kind](text)))
    return tuple(found)
