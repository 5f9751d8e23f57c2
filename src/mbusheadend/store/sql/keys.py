"""Keys of encrypted meters in the file."""

import logging
from collections.abc import Iterable

from mbusheadend.decoding.keys import KeyFileError, Vault
from mbusheadend.store.errors import StoreRefusedError
from mbusheadend.store.sql.connection import Connection, numbers
from mbusheadend.store.sql.interned import Recent
from mbusheadend.store.sql.rows import find_meter

KEPT = 65536

_log = logging.getLogger(__name__)


class Keys:
    """Gives keys of meters. For one thread.

    :param vault: None where there is no key file: then no key can be stored, and none is used.
    """

    def __init__(self, vault: Vault | None) -> None:
        self._vault = vault
        self._known: Recent[int, bytes] = Recent(KEPT)
        self._closed: Recent[int, bytes] = Recent(KEPT)
        self._told: set[int] = set()

    def key_of(self, connection: Connection, meter: int) -> bytes | None:
        """Give the key of a meter, None where it has none. Raise `KeyFileError`."""
        if self._vault is None:
            return None
        known = self._known.get(meter)
        if known is None:
            row = connection.execute("SELECT identity, secret FROM meter WHERE id = ?", (meter,)).fetchone()
            closed = None if row is None else row["secret"]
            known = self._known.put(meter, self._vault.open(closed, row["identity"]) if closed else b"")
        return known or None

    def key_if_it_opens(self, connection: Connection, meter: int) -> bytes | None:
        """Give the key of a meter, None also where the key file does not open it: what comes in is kept, and decoded later."""
        try:
            return self.key_of(connection, meter)
        except KeyFileError as error:
            if meter not in self._told:
                self._told.add(meter)
                _log.error("%s: its telegrams are stored, and decoded when the key is stored anew", error)
            return None

    def closed_key(self, meter: int) -> bytes | None:
        """Give the key of a meter as `prepare` has found it, empty where it has none; None where it was not looked for."""
        return self._closed.get(meter)

    def prepare(self, connection: Connection, meters: Iterable[int]) -> None:
        """Remember the keys of many meters with one statement."""
        query = "SELECT id, identity, secret FROM meter WHERE id IN numbers(?)"
        for row in connection.execute(query, (numbers(meters),)):
            closed = self._closed.put(row["id"], row["secret"] or b"")
            self._known.drop(row["id"])
            if not closed:
                self._known.put(row["id"], b"")

    def forget(self, meter: int) -> None:
        """Look again what key a meter has."""
        self._closed.drop(meter)
        self._known.drop(meter)

    def put(self, connection: Connection, meter: int, key: bytes | None) -> None:
        """Store the key of a meter, or forget it."""
        if self._vault is None:
            raise StoreRefusedError("there is no key file: without it no key is stored")
        identity = find_meter(connection, meter)["identity"]
        try:
            closed = None if key is None else self._vault.close(key, identity)
        except ValueError as error:
            raise StoreRefusedError(str(error)) from None
        connection.execute("UPDATE meter SET secret = ? WHERE id = ?", (closed, meter))
        self._known.clear()

    def closed(self, connection: Connection) -> int:
        """Count the stored keys that the key file does not open."""
        rows = connection.execute("SELECT identity, secret FROM meter WHERE secret IS NOT NULL")
        return sum(not self._opens(row["secret"], row["identity"]) for row in rows)

    def _opens(self, closed: bytes, identity: str) -> bool:
        try:
            return self._vault is not None and bool(self._vault.open(closed, identity))
        except KeyFileError:
            return False

    def clear(self) -> None:
        """Forget what may have been undone."""
        self._known.clear()
        self._closed.clear()
