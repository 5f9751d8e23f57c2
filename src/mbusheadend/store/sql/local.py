"""Masters that are read locally, and how they know us."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Final

from mbusheadend.decoding.keys import Vault
from mbusheadend.store.errors import StoreRefusedError, UnknownError
from mbusheadend.store.local import NO_KEYS, Kept, LocalKeys, LocalPlace
from mbusheadend.store.sql.connection import Connection, Database, Row
from mbusheadend.store.sql.moments import stored
from mbusheadend.store.sql.rows import find_master
from mbusheadend.store.sql.sealed import sealed, unsealed

_PUT: Final = """
INSERT INTO local_keys (master, client, authority) VALUES (?, ?, ?) ON CONFLICT (master) DO UPDATE SET
    client = coalesce(excluded.client, local_keys.client), authority = coalesce(excluded.authority, local_keys.authority)
"""
_ADOPT: Final = """
INSERT INTO local_keys (master, client, authority) VALUES (?, ?, ?) ON CONFLICT (master) DO UPDATE SET
    client = coalesce(local_keys.client, excluded.client), authority = coalesce(local_keys.authority, excluded.authority)
"""


class SqlLocals:
    """See `mbusheadend.store.local.Locals`."""

    _database: Database
    _vault: Vault | None

    async def add_local_master(
        self, serial: str, name: str, place: LocalPlace, now: datetime, keys: LocalKeys = NO_KEYS
    ) -> None:
        """See the protocol."""
        moment, body, closed = stored(now), _body(place), self._closed(serial, keys)

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
            _put(connection, _find_local(connection, serial), closed)

        await self._database.write(work)

    async def set_local_place(self, serial: str, place: LocalPlace, keys: LocalKeys = NO_KEYS) -> None:
        """See the protocol."""
        closed = self._closed(serial, keys)

        def work(connection: Connection) -> None:
            number = _find_local(connection, serial)
            connection.execute("UPDATE local_master SET place = ? WHERE master = ?", (_body(place), number))
            _put(connection, number, closed)

        await self._database.write(work)

    async def local_keys(self, serial: str) -> LocalKeys:
        """See the protocol."""
        row = await self._database.read(lambda connection: _keys(connection, serial))
        if row is None:
            return NO_KEYS
        client = row["client"]
        return LocalKeys(
            None if client is None else unsealed(self._vault, client, purpose_of_keys(serial)),
            row["authority"],
        )

    async def local_keys_kept(self, serial: str) -> Kept:
        """See the protocol."""
        row = await self._database.read(lambda connection: _keys(connection, serial))
        return Kept(
            row is not None and row["client"] is not None, row is not None and row["authority"] is not None
        )

    async def adopt_local_keys(self, serial: str, keys: LocalKeys) -> bool:
        """See the protocol."""
        closed = self._closed(serial, keys)

        def work(connection: Connection) -> bool:
            row = connection.execute(
                "SELECT id, local_master.master AS local FROM master"
                " LEFT JOIN local_master ON local_master.master = id WHERE serial = ?",
                (serial,),
            ).fetchone()
            if row is not None and row["local"] is not None:
                _put(connection, row["id"], closed, _ADOPT)
            return row is not None

        return await self._database.write(work)

    async def note_local_contact(self, serial: str, now: datetime) -> None:
        """See the protocol."""

        def work(connection: Connection) -> None:
            number = _find_local(connection, serial)
            connection.execute("UPDATE master SET last_contact = ? WHERE id = ?", (stored(now), number))

        await self._database.write(work)

    def _closed(self, serial: str, keys: LocalKeys) -> LocalKeys:
        if keys.client is None:
            return keys
        return LocalKeys(sealed(self._vault, keys.client, purpose_of_keys(serial)), keys.authority)


def purpose_of_keys(serial: str) -> str:
    """Say what our key at a local master is sealed for."""
    return f"local master {serial}"


def _put(connection: Connection, master: int, closed: LocalKeys, statement: str = _PUT) -> None:
    if closed != NO_KEYS:
        connection.execute(statement, (master, closed.client, closed.authority))


def _keys(connection: Connection, serial: str) -> Row | None:
    number = _find_local(connection, serial)
    row: Row | None = connection.execute(
        "SELECT client, authority FROM local_keys WHERE master = ?", (number,)
    ).fetchone()
    return row


def _find_local(connection: Connection, serial: str) -> int:
    master = find_master(connection, serial)
    if master["local"] is None:
        raise UnknownError(f"the master {serial} is not read locally")
    number: int = master["id"]
    return number


def _body(place: LocalPlace) -> str:
    return json.dumps(asdict(place))
