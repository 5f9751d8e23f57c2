"""The file of the meter list: SQLite that survives power cuts (WAL, synchronous=FULL), readable by its owner only.

A damaged file cannot be repaired here, and what was lost is not made up: it is set aside under another name, for whoever wants
to look into it, and a new list begins. `problem` says so.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbusmaster.meterlist.errors import MeterListError

VERSION: Final = 2
"""Of the tables; kept in the file as `user_version`."""
KEPT_DAMAGED: Final = 3
"""Damaged files that are kept, the newest ones."""
_DAMAGE: Final = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_SIDE_FILES: Final = ("", "-wal", "-shm")
_TABLES: Final = """
CREATE TABLE meter (
    id INTEGER PRIMARY KEY AUTOINCREMENT, bus TEXT NOT NULL, secondary TEXT, primary_address INTEGER, medium TEXT,
    fabrication TEXT, first_seen TEXT, last_seen TEXT, status TEXT NOT NULL, checked TEXT,
    remark TEXT NOT NULL, note TEXT NOT NULL, doubts TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE rate (
    meter INTEGER NOT NULL REFERENCES meter(id) ON DELETE CASCADE, baud INTEGER NOT NULL, last_seen TEXT NOT NULL,
    answers INTEGER NOT NULL, PRIMARY KEY (meter, baud)
) STRICT, WITHOUT ROWID;
CREATE TABLE expected (
    id INTEGER PRIMARY KEY AUTOINCREMENT, bus TEXT NOT NULL, secondary TEXT, primary_address INTEGER, medium TEXT, baud INTEGER,
    fabrication TEXT, note TEXT NOT NULL, status TEXT NOT NULL, checked TEXT, remark TEXT NOT NULL,
    doubts TEXT NOT NULL DEFAULT ''
) STRICT;
"""
_MIGRATIONS: Final = {
    # Version 2 says which moments were taken with a doubtful clock; of older ones nobody knows.
    1: """
ALTER TABLE meter ADD COLUMN doubts TEXT NOT NULL DEFAULT '';
ALTER TABLE expected ADD COLUMN doubts TEXT NOT NULL DEFAULT '';
""",
}
"""By the version from which each leads to the next."""


class DamagedError(Exception):
    """The file is there and is no list of ours."""


class Database:
    """One open file.

    :param check: reads everything; raises `DamagedError` or `ValueError` where something cannot be understood.
    :ivar problem: what was wrong with the file at the start, for a person; empty where all was well.

    Raise `MeterListError` where the file can neither be opened nor replaced.
    """

    def __init__(
        self, path: Path, clock: Callable[[], datetime], check: Callable[[sqlite3.Connection], None]
    ) -> None:
        self.path = path
        self.problem = ""
        try:
            try:
                self._connection = _open(path, check)
            except DamagedError as error:
                aside = _set_aside(path, clock())
                self.problem = (
                    f"the meter list {path} was damaged ({error}) and its meters are lost: it is kept as {aside.name}, "
                    "and a new list was begun; scan again"
                )
                self._connection = _open(path, check)
        except (sqlite3.Error, OSError, DamagedError) as error:
            raise MeterListError(f"the meter list {path} cannot be opened: {error}") from error

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Make changes that are on the disk together, or not at all; raise `MeterListError` when the disk refuses."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise MeterListError(
                f"the meter list {self.path} cannot be written: {error}; nothing was changed"
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def moment_text(moment: datetime | None) -> str | None:
    """Write a moment as it stands in files: UTC, to the second."""
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def moment_of(text: str | None) -> datetime | None:
    """Read a moment; without a zone it is UTC. Raise `ValueError`."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)).replace(
        microsecond=0
    )


def _open(path: Path, check: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    # Made before SQLite does, which would let the group read it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        _verify(connection)
        check(connection)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.DatabaseError) and (error.sqlite_errorcode & 0xFF) in _DAMAGE:
            raise DamagedError(str(error)) from error
        if isinstance(error, ValueError):
            raise DamagedError(f"a row cannot be understood: {error}") from error
        raise
    return connection


def _verify(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if version == 0 and tables == 0:
        connection.executescript(f"BEGIN;{_TABLES}PRAGMA user_version={VERSION};COMMIT")
        return
    while version in _MIGRATIONS:
        version = _migrate(connection, version)
    if version != VERSION:
        raise DamagedError(f"its tables have version {version}, this program knows {VERSION}")
    result = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if result != "ok":
        raise DamagedError(result)
    wanted = sqlite3.connect(":memory:")
    with contextlib.closing(wanted):
        wanted.executescript(_TABLES)
        if _columns(connection) != _columns(wanted):
            raise DamagedError("it has other tables than a meter list")


def _migrate(connection: sqlite3.Connection, version: int) -> int:
    try:
        connection.executescript(f"BEGIN;{_MIGRATIONS[version]}PRAGMA user_version={version + 1};COMMIT")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        raise DamagedError(f"it has other tables than a meter list of version {version}: {error}") from error
    return version + 1


def _columns(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    tables = ("meter", "rate", "expected")
    return [
        tuple(row[1] for row in connection.execute(f"PRAGMA table_info({table})").fetchall())
        for table in tables
    ]


def _set_aside(path: Path, now: datetime) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    for suffix in _SIDE_FILES:
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{aside}{suffix}")
    kept = sorted(
        other
        for other in path.parent.glob(f"{path.name}.damaged-*")
        if not other.name.endswith(("-wal", "-shm"))
    )
    for old in kept[:-KEPT_DAMAGED]:
        for suffix in _SIDE_FILES:
            Path(f"{old}{suffix}").unlink(missing_ok=True)
    return aside
