"""Who is trusted and who no longer, in one SQLite file that several processes may change at once."""

import contextlib
import datetime
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from mbusmaster.channels.trust.errors import TrustError
from mbusmaster.channels.trust.model import Foreign, Kind, Origin, TrustedClient

LIST: Final = "trust.db"
VERSION: Final = 1
MAX_OWN: Final = 1000
"""Clients with a certificate from here that are neither revoked nor expired."""
MAX_FOREIGN: Final = 100
MAX_SEEN: Final = 1000
"""Clients of other authorities in the list; the one not seen for longest makes room."""
BUSY_SECONDS: Final = 5.0
_CLIENT: Final = "id, name, origin, serial, issuer, issued, expires, revoked, seen"
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS clients (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, origin TEXT NOT NULL, serial TEXT NOT NULL, issuer TEXT NOT NULL,
    issued INTEGER NOT NULL, expires INTEGER NOT NULL, revoked INTEGER, seen INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS certificates (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, issuer TEXT NOT NULL,
    expires INTEGER NOT NULL, added INTEGER NOT NULL, der BLOB NOT NULL) STRICT;
"""


class Registry:
    """The file. All methods raise `TrustError` when it cannot be used.

    :param path: of the file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._problems():
            # Created for the owner only before anything is in it.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def outside_changes(self) -> int:
        """Give a number that is another one after another process has changed something; cheap."""
        with self._problems():
            number: int = self._db.execute("PRAGMA data_version").fetchone()[0]
            return number

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """Keep every other writer out, also in other processes; what is done inside counts as a whole or not at all."""
        with self._problems():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def clients(self) -> tuple[TrustedClient, ...]:
        """Give all of them, by name, the newest first among the same."""
        return self._clients("ORDER BY name COLLATE NOCASE, issued DESC, id")

    def client(self, id: str) -> TrustedClient | None:
        """Find one by its id."""
        found = self._clients("WHERE id = ?", id)
        return found[0] if found else None

    def named(self, name: str) -> tuple[TrustedClient, ...]:
        """Find those that are not revoked by their name."""
        return self._clients("WHERE name = ? AND revoked IS NULL ORDER BY issued DESC", name)

    def count_valid(self, now: datetime.datetime) -> int:
        """Count the clients that were issued or added here and can come in."""
        return self._count(
            "clients WHERE origin != ? AND revoked IS NULL AND expires > ?", Origin.AUTHORITY, _stamp(now)
        )

    def add_client(self, client: TrustedClient) -> None:
        """Enter one, or enter it anew."""
        if client.origin is Origin.AUTHORITY:
            self._write(
                "DELETE FROM clients WHERE id IN (SELECT id FROM clients WHERE origin = ? AND revoked IS NULL "
                "ORDER BY seen DESC LIMIT -1 OFFSET ?)",
                Origin.AUTHORITY,
                MAX_SEEN - 1,
            )
        row = (
            client.id, client.name, client.origin, client.serial, client.issuer, _stamp(client.issued),
            _stamp(client.expires), _stamp(client.revoked), _stamp(client.seen),
        )  # fmt: skip
        self._write("INSERT OR REPLACE INTO clients VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", *row)

    def forget_expired(self, before: datetime.datetime) -> None:
        """Forget clients whose certificate ended before that time."""
        self._write("DELETE FROM clients WHERE expires < ? AND origin != ?", _stamp(before), Origin.SINGLE)

    def set_revoked(self, id: str, at: datetime.datetime) -> None:
        """Note that a client is trusted no more."""
        self._write("UPDATE clients SET revoked = ? WHERE id = ? AND revoked IS NULL", _stamp(at), id)

    def set_seen(self, id: str, at: datetime.datetime) -> None:
        """Note when a client connected. This one may be lost in a power cut: it is not worth waiting for the disk."""
        with self._problems():
            self._db.execute("PRAGMA synchronous=NORMAL")
            try:
                self._write("UPDATE clients SET seen = ? WHERE id = ?", _stamp(at), id)
            finally:
                self._db.execute("PRAGMA synchronous=FULL")

    def foreign(self) -> tuple[tuple[Foreign, bytes], ...]:
        """Give the certificates that were added, each with its DER."""
        with self._problems():
            rows = self._db.execute(
                "SELECT id, kind, name, issuer, expires, added, der FROM certificates ORDER BY name, id"
            ).fetchall()
        return tuple(
            (Foreign(id, Kind(kind), name, issuer, _time(expires), _time(added)), der)
            for id, kind, name, issuer, expires, added, der in rows
        )

    def add_foreign(self, foreign: Foreign, der: bytes) -> None:
        """Enter one; it must not be there."""
        if self._count("certificates") >= MAX_FOREIGN:
            raise TrustError(
                f"{MAX_FOREIGN} certificates were added already; remove one first", "certificate"
            )
        row = (
            foreign.id, foreign.kind, foreign.name, foreign.issuer, _stamp(foreign.expires),
            _stamp(foreign.added), der,
        )  # fmt: skip
        self._write("INSERT INTO certificates VALUES (?, ?, ?, ?, ?, ?, ?)", *row)

    def remove_foreign(self, id: str, issuer: str) -> bool:
        """Remove one, and its clients from the list except revoked ones; tell whether it was there.

        :param issuer: what its clients name as their issuer.
        """
        removed = self._write("DELETE FROM certificates WHERE id = ?", id)
        self._write("DELETE FROM clients WHERE id = ? AND origin = ? AND revoked IS NULL", id, Origin.SINGLE)
        self._write(
            "DELETE FROM clients WHERE issuer = ? AND origin = ? AND revoked IS NULL",
            issuer,
            Origin.AUTHORITY,
        )
        return removed > 0

    def replace_all(self, clients: Iterable[TrustedClient], foreign: Iterable[tuple[Foreign, bytes]]) -> None:
        """Put others in the place of all."""
        self._write("DELETE FROM clients")
        self._write("DELETE FROM certificates")
        for client in clients:
            self.add_client(client)
        for one, der in foreign:
            self.add_foreign(one, der)

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA cache_size=-256")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise TrustError(f"{self._path} was written by a newer version of this program")
        if version == VERSION:
            return
        with self.change():
            for statement in _TABLES.split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={VERSION}")

    def _clients(self, rest: str, *values: object) -> tuple[TrustedClient, ...]:
        with self._problems():
            rows = self._db.execute(f"SELECT {_CLIENT} FROM clients {rest}", values).fetchall()  # noqa: S608 - fixed
        return tuple(
            TrustedClient(
                id, name, Origin(origin), serial, issuer, _time(issued), _time(expires),
                None if revoked is None else _time(revoked), None if seen is None else _time(seen),
            )
            for id, name, origin, serial, issuer, issued, expires, revoked, seen in rows
        )  # fmt: skip

    def _count(self, what: str, *values: object) -> int:
        with self._problems():
            number: int = self._db.execute(f"SELECT count(*) FROM {what}", values).fetchone()[0]  # noqa: S608 - fixed
            return number

    def _write(self, statement: str, *values: Any) -> int:
        with self._problems():
            return self._db.execute(statement, values).rowcount

    @contextlib.contextmanager
    def _problems(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise TrustError(
                f"cannot use {self._path}: {error}; see that the disk is neither full nor read-only"
            ) from error


def _stamp(time: datetime.datetime | None) -> int | None:
    return None if time is None else int(time.timestamp())


def _time(stamp: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(stamp, datetime.UTC)
