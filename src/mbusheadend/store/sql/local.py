"""Masters that are read locally, in the file."""

import json
from dataclasses import asdict
from datetime import datetime

from mbusheadend.store.errors import StoreRefusedError, UnknownError
from mbusheadend.store.local import LocalPlace
from mbusheadend.store.sql.connection import Connection, Database
from mbusheadend.store.sql.moments import stored
from mbusheadend.store.sql.rows import find_master


class SqlLocals:
    """See `mbusheadend.store.local.Locals`."""

    _database: Database

    async def add_local_master(self, serial: str, name: str, place: LocalPlace, now: datetime) -> None:
        """See the protocol."""
        moment, body = stored(now), _body(place)

        def work(connection: Connection) -> None:
            added = connection.execute(
                "INSERT INTO master (serial, name, enrolled) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (serial, name, moment),
            )
            if not added.rowcount:
                raise StoreRefusedError(f"the serial number {serial} is taken by another master")
            connection.execute(
                "INSERT INTO local_master (master, place) SELECT id, ? FROM master WHERE serial = ?",
                (body, serial),
            )

        await self._database.write(work)

    async def set_local_place(self, serial: str, place: LocalPlace) -> None:
        """See the protocol."""

        def work(connection: Connection) -> None:
            number = _find_local(connection, serial)
            connection.execute("UPDATE local_master SET place = ? WHERE master = ?", (_body(place), number))

        await self._database.write(work)

    async def note_local_contact(self, serial: str, now: datetime) -> None:
        """See the protocol."""

        def work(connection: Connection) -> None:
            number = _find_local(connection, serial)
            connection.execute("UPDATE master SET last_contact = ? WHERE id = ?", (stored(now), number))

        await self._database.write(work)


def _find_local(connection: Connection, serial: str) -> int:
    master = find_master(connection, serial)
    if master["local"] is None:
        raise UnknownError(f"the master {serial} is not read locally")
    number: int = master["id"]
    return number


def _body(place: LocalPlace) -> str:
    return json.dumps(asdict(place))
