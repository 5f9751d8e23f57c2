"""Bringing a store of one file over to a server: in pieces, begun again where it was broken off, compared at the end."""

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from mbusheadend.decoding.keys import Vault
from mbusheadend.store.errors import StoreError, StoreRefusedError
from mbusheadend.store.postgres.connection import Raw, rows_of
from mbusheadend.store.postgres.partitions import Partitions, Width
from mbusheadend.store.postgres.resealing import reseal
from mbusheadend.store.postgres.server import Server
from mbusheadend.store.postgres.store import PostgresStore
from mbusheadend.store.sql.found import DAY
from mbusheadend.store.sqlite.store import SqliteStore

PIECE: Final = 10_000
"""Rows that are brought over in one transaction."""
READINGS: Final = "reading"
_MARK: Final = "store that is being moved here"
"""Note that says so, until all is there."""
_DIGEST: Final = 1 << 256
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """What was brought over of a table: it was compared row by row."""

    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    columns: tuple[str, ...]
    has_key: bool


def move(
    source: Path,
    url: str,
    told: Callable[[str, int], None],
    *,
    tenant: int = 1,
    password_file: Path | None = None,
    keys: tuple[Vault, Vault] | None = None,
) -> tuple[Moved, ...]:
    """Copy all rows of a file to a tenant of a server, and compare them; give what was moved.

    Broken off, it goes on where it was when it is begun again. The file is not changed, and nobody may write to it meanwhile.

    :param keys: what opens the secrets of the file, and what they are sealed with on the server; None leaves them as they are.
    :param told: hears of each piece: of which table, and how many rows of it are there.
    :raises StoreRefusedError: where the file is in use, the server has another store, or the two differ at the end.
    :raises StoreError: as the stores do.
    """
    if not source.is_file():
        raise StoreRefusedError(f"there is no store {source}")
    # Both have the tables of this program then.
    SqliteStore(source).close()
    PostgresStore(url, tenant, password_file=password_file).close()
    server = Server(url, password_file)
    raw = server.reached()
    try:
        with server.telling(), _held(source) as file:
            raw.execute(f"SET mbus.tenant = {tenant:d}".encode())
            _begin(raw, str(source))
            tables = _tables(file)
            for table in tables:
                _copy(file, raw, table, told)
            _go_on_counting(raw)
            moved = tuple(_compared(file, raw, table) for table in tables)
            with raw.transaction():
                if keys is not None:
                    reseal(raw, *keys)
                raw.execute("DELETE FROM note WHERE name = $1", (_MARK,))
            raw.execute("ANALYZE")
            return moved
    finally:
        raw.close()


@contextlib.contextmanager
def _held(source: Path) -> Iterator[sqlite3.Connection]:
    """Let nobody write to a file."""
    try:
        with contextlib.closing(sqlite3.connect(source, timeout=0, isolation_level=None)) as file:
            file.execute("PRAGMA locking_mode=EXCLUSIVE")
            file.execute("BEGIN EXCLUSIVE")
            try:
                yield file
            finally:
                file.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise StoreRefusedError(f"the store {source} is in use: stop the head-end first") from None
        raise StoreError(f"the store {source}: {error}") from error


def _begin(raw: Raw, source: str) -> None:
    row = raw.execute("SELECT body FROM note WHERE name = $1", (_MARK,)).fetchone()
    if row is None:
        there = raw.execute("SELECT EXISTS (SELECT 1 FROM master) OR EXISTS (SELECT 1 FROM meter)").fetchone()
        if there is not None and there[0]:
            raise StoreRefusedError("the server has a store with masters already: move into an empty one")
        raw.execute("INSERT INTO note (name, body) VALUES ($1, $2)", (_MARK, source))
    elif row["body"] != source:
        raise StoreRefusedError(
            f"another store, {row['body']}, is being moved there: begin with an empty database"
        )


def _tables(file: sqlite3.Connection) -> tuple[_Table, ...]:
    """Give the tables in the order in which they name each other."""
    names = file.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
    ).fetchall()
    found = []
    for (name,) in names:
        columns = file.execute(f"PRAGMA table_info({name})").fetchall()
        found.append(_Table(name, tuple(one[1] for one in columns), any(one[5] for one in columns)))
    return tuple(found)


def _copy(file: sqlite3.Connection, raw: Raw, table: _Table, told: Callable[[str, int], None]) -> None:
    done = 0
    where = ""
    if table.name == READINGS:
        _make_partitions(file, raw)
        ((last, done),) = raw.execute("SELECT coalesce(max(number), 0), count(*) FROM reading").fetchall()
        where = f"WHERE number > {last:d} ORDER BY number"
    elif not table.has_key:
        raw.execute(f"DELETE FROM {table.name}".encode())  # noqa: S608 - our own name
    columns = ", ".join(table.columns)
    kinds = _kinds(raw, table)
    raw.execute(
        f"CREATE TEMPORARY TABLE moving ON COMMIT DELETE ROWS AS SELECT {columns} FROM {table.name} LIMIT 0".encode()  # noqa: S608
    )
    for piece in _pieces(file.execute(f"SELECT {columns} FROM {table.name} {where}")):  # noqa: S608
        with raw.transaction():
            with raw.cursor().copy(b"COPY moving FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(kinds)
                for row in piece:
                    copy.write_row(row)
            raw.execute(
                f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM moving ON CONFLICT DO NOTHING".encode()  # noqa: S608
            )
        done += len(piece)
        told(table.name, done)
    raw.execute("DROP TABLE moving")


def _kinds(raw: Raw, table: _Table) -> list[str]:
    rows = raw.execute(
        "SELECT column_name::text AS name, data_type::text AS kind FROM information_schema.columns"
        " WHERE table_name = $1 AND table_schema = current_schema()",
        (table.name,),
    )
    kinds = {row["name"]: row["kind"] for row in rows.fetchall()}
    return [kinds[column] for column in table.columns]


def _make_partitions(file: sqlite3.Connection, raw: Raw) -> None:
    """Make a partition for each month of which there is anything."""
    partitions = Partitions(Width.MONTH)
    for (day,) in file.execute(f"SELECT DISTINCT taken / {DAY} FROM reading ORDER BY 1").fetchall():  # noqa: S608
        partitions.ensure(raw, (day * DAY,), day * DAY)
    raw.execute("RESET lock_timeout")


def _go_on_counting(raw: Raw) -> None:
    """Let new rows have numbers behind those that are there."""
    counted = raw.execute(
        "SELECT table_name::text, column_name::text FROM information_schema.columns"
        " WHERE is_identity = 'YES' AND table_schema = current_schema() AND table_name <> 'tenant'"
    )
    for table, column in counted.fetchall():
        raw.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column}))"  # noqa: S608 - our own names
            f" FROM {table} HAVING max({column}) IS NOT NULL".encode()
        )
    raw.execute(
        "INSERT INTO numbering (last) SELECT coalesce(max(number), 0) FROM reading"
        " ON CONFLICT (tenant) DO UPDATE SET last = greatest(numbering.last, excluded.last)"
    )


def _compared(file: sqlite3.Connection, raw: Raw, table: _Table) -> Moved:
    columns = ", ".join(table.columns)
    query = f"SELECT {columns} FROM {table.name}"  # noqa: S608 - our own names
    here = _digest(row for piece in _pieces(file.execute(query)) for row in piece)
    hidden = f" WHERE name <> '{_MARK}'" if table.name == "note" else ""
    with raw.transaction():
        cursor = psycopg.RawServerCursor(raw, "comparing", row_factory=rows_of)
        cursor.itersize = PIECE
        cursor.execute((query + hidden).encode(), binary=True)
        there = _digest(tuple(row) for row in cursor)
        cursor.close()
    if here != there:
        raise StoreRefusedError(
            f"the table {table.name} differs: {here[0]} rows here, {there[0]} there; begin again with an empty database"
        )
    return Moved(table.name, here[0])


def _digest(rows: Iterable[Row]) -> tuple[int, int]:
    """Count rows and sum up their digests: in whatever order they come."""
    count = total = 0
    for row in rows:
        count += 1
        total += int.from_bytes(hashlib.sha256(repr(row).encode("utf-8", "surrogatepass")).digest())
    return count, total % _DIGEST


def _pieces(cursor: sqlite3.Cursor) -> Iterator[list[Row]]:
    while piece := cursor.fetchmany(PIECE):
        yield [tuple(map(_kept, row)) for row in piece]


def _kept(value: Any) -> Any:
    """Give a value as a server keeps it."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value
