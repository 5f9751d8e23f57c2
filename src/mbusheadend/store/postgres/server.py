"""A server of PostgreSQL: how it is reached, and what went wrong in a person's words."""

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.raw_cursor import RawCursor
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper
from psycopg.types.string import StrDumperUnknown

from mbusheadend.store.errors import StoreError
from mbusheadend.store.postgres.connection import Raw, rows_of

WAIT: Final = 10.0
"""Seconds for a server that does not answer; a primary's standby takes over in less."""
_PAUSE: Final = 1.0
_DEFAULTS: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "mbusheadend",
}
READ_TIMEOUT: Final = 60
"""Seconds that a question may take."""
LOCK_TIMEOUT: Final = 30
"""Seconds that a change waits for others."""
_SETTINGS: Final = (
    "SET client_encoding = 'UTF8'; SET lock_timeout = '{lock}s';"
    " SET statement_timeout = '{statement}s'; SET idle_in_transaction_session_timeout = '60s'; SET timezone = 'UTC';"
)


class _Text(StrDumperUnknown):
    """PostgreSQL keeps no NUL within a text."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


class _Truth(Int8BinaryDumper):
    """Truths are integers in all tables."""

    def dump(self, obj: Any) -> Any:
        return super().dump(int(obj))


def _adapters() -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    # One size of integer: otherwise each statement is planned once for each mixture of sizes.
    for kind in (Int8Dumper, Int8BinaryDumper):
        adapters.register_dumper(int, kind)
    adapters.register_dumper(bool, _Truth)
    adapters.register_dumper(str, _Text)
    return adapters


_ADAPTERS: Final = _adapters()


class Server:
    """One database of a server.

    :param url: as libpq reads it, also with several hosts. Where it has no password, libpq looks in PGPASSFILE.
    :param password_file: in the place of PGPASSFILE.
    :raises StoreError: for a URL that cannot be read.
    """

    def __init__(self, url: str, password_file: Path | None = None) -> None:
        try:
            parts = conninfo_to_dict(url)
        except psycopg.Error as error:
            raise StoreError(f"the address of the store cannot be read: {_words(error)}") from None
        files = {} if password_file is None else {"passfile": str(password_file)}
        self._url = make_conninfo("", **{**_DEFAULTS, **files, **parts})
        host = parts.get("host") or parts.get("hostaddr") or "the local socket"
        self.name = f"{host}:{parts.get('port') or 5432}/{parts.get('dbname') or ''}"
        """Address without user and password, for people."""

    def connect(self, *, statement: int = 0, silence: int | None = None) -> Raw:
        """Open a connection, which commits each statement by itself; raise `psycopg.Error`.

        :param statement: seconds that a statement may take, 0 for any time.
        :param silence: seconds after which a server that acknowledges nothing counts as gone.
        """
        url = self._url if silence is None else make_conninfo(self._url, tcp_user_timeout=1000 * silence)
        raw: Raw = psycopg.Connection.connect(
            url, autocommit=True, context=_Context(), row_factory=rows_of, cursor_factory=RawCursor
        )
        try:
            raw.execute(_SETTINGS.format(lock=LOCK_TIMEOUT, statement=statement).encode())
            kept = raw.execute("SHOW synchronous_commit").fetchone()
            if kept is not None and kept[0] == "off":
                # What is receipted is on a disk, whatever the server is set to.
                raw.execute("SET synchronous_commit = on")
        except BaseException:
            raw.close()
            raise
        return raw

    def reached(self, *, statement: int = 0) -> Raw:
        """Open a connection, and wait for a server that is just not there; raise `StoreError`."""
        end = time.monotonic() + WAIT
        while True:
            try:
                return self.connect(statement=statement)
            except psycopg.OperationalError as error:
                if error.sqlstate is not None or time.monotonic() >= end:
                    raise self.failed(error) from error
            time.sleep(_PAUSE)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Turn errors of PostgreSQL into `StoreError`."""
        try:
            yield
        except psycopg.Error as error:
            raise self.failed(error) from error

    def failed(self, error: psycopg.Error, *, unknown: bool = False) -> StoreError:
        """Say what went wrong.

        :param unknown: whether the change may have been made all the same.
        """
        outcome = "; whether the change was made is not known" if unknown else "; nothing was changed"
        return StoreError(f"the store at {self.name}: {_words(error)}{_advice(error)}{outcome}")


class _Context:
    adapters = _ADAPTERS
    connection = None


def readable(seconds: float, *descriptors: int) -> tuple[int, ...]:
    """Wait so long, or until something can be read of one of these; give which.

    Descriptors have any number, as they do with thousands of masters connected: `select.select` takes none above 1023.
    """
    waiting = select.poll()
    for descriptor in descriptors:
        waiting.register(descriptor, select.POLLIN)
    return tuple(descriptor for descriptor, _ in waiting.poll(1000 * seconds))


def _words(error: psycopg.Error) -> str:
    said = error.diag.message_primary or str(error).strip() or "the connection was lost"
    return " ".join(said.split())


def _advice(error: psycopg.Error) -> str:
    state = error.sqlstate or ""
    if state.startswith("28"):
        return " (check user and password of the store's address, and pg_hba.conf of the server)"
    if state == "3D000":
        return " (make it with: CREATE DATABASE … OWNER …)"
    if state == "42501":
        return " (the role must own the database, or what belongs to another tenant was touched)"
    if state == "53100":
        return " (the disk of the server is full)"
    if state in ("57014", "55P03"):
        return " (it took too long)"
    if state == "53300":
        return " (too many connections: raise max_connections, or run fewer processes)"
    if not state and isinstance(error, psycopg.OperationalError):
        return " (is PostgreSQL running there? It is tried again by itself)"
    return ""
