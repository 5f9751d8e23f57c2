"""Bringing the tables of a server up to date, whoever else starts at the same time and works meanwhile."""

import time
from functools import partial
from typing import Final

from mbusheadend.store.errors import StoreError
from mbusheadend.store.postgres.brief import briefly
from mbusheadend.store.postgres.connection import PostgresConnection, Raw
from mbusheadend.store.postgres.indexes import Index, is_made, make
from mbusheadend.store.postgres.server import Server
from mbusheadend.store.postgres.tables import CONCURRENTLY, NEEDS, steps

LOCK: Final = 0x6D627573_6D696772
_PAUSE: Final = 1.0
_VERSIONS: Final = """
CREATE TABLE IF NOT EXISTS migration (number integer PRIMARY KEY, needs integer NOT NULL, at timestamptz NOT NULL DEFAULT now())
"""


def migrate(server: Server) -> None:
    """Make the steps and indexes that were not made yet, one process at a time. Raise `StoreError`."""
    raw = server.reached()
    try:
        with server.telling():
            if not _is_done(raw, server):
                _locked(raw)
                raw.execute(_VERSIONS)
                _advance(raw, server)
    finally:
        raw.close()


def _is_done(raw: Raw, server: Server) -> bool:
    found = raw.execute("SELECT to_regclass('migration') IS NOT NULL").fetchone()
    is_begun = found is not None and found[0]
    return is_begun and not _missing(raw, server) and all(is_made(raw, index) for index in _indexes())


def _indexes() -> list[Index]:
    return [index for _, indexes in sorted(CONCURRENTLY.items()) for index in indexes]


def _missing(raw: Raw, server: Server) -> list[int]:
    row = raw.execute("SELECT coalesce(max(needs), 0) FROM migration").fetchone()
    known = {number for number, _, _ in steps()}
    if row is not None and row[0] > max(known):
        raise StoreError(
            f"the store at {server.name} was changed by a newer program: its tables need one that knows"
            f" {row[0]} steps, this program knows {max(known)}"
        )
    return sorted(known - {row[0] for row in raw.execute("SELECT number FROM migration").fetchall()})


def _locked(raw: Raw) -> None:
    """Wait without a transaction: an index that is made concurrently would wait for that one."""
    while True:
        row = raw.execute(f"SELECT pg_try_advisory_lock({LOCK})".encode()).fetchone()
        if row is not None and row[0]:
            return
        time.sleep(_PAUSE)


def _advance(raw: Raw, server: Server) -> None:
    missing = _missing(raw, server)
    for number, tables, rows in steps():
        if number in missing:
            briefly(raw, f"step {number} of the tables", partial(_step, raw, number, tables, rows))
    for index in _indexes():
        make(raw, index)


def _step(raw: Raw, number: int, tables: tuple[str, ...], rows: tuple[str, ...]) -> None:
    for statement in tables:
        raw.execute(statement.encode())
    if rows:
        _change_rows(raw, rows)
    raw.execute(f"INSERT INTO migration (number, needs) VALUES ({number:d}, {NEEDS:d})".encode())  # noqa: S608


def _change_rows(raw: Raw, rows: tuple[str, ...]) -> None:
    for (tenant,) in raw.execute("SELECT id FROM tenant").fetchall():
        raw.execute(f"SET LOCAL mbus.tenant = {tenant:d}".encode())
        for statement in rows:
            PostgresConnection(raw).execute(statement)
