"""A file of ours in SQLite that survives power cuts (WAL, synchronous=FULL), readable by its owner only.

A damaged file cannot be repaired here: `set_aside` keeps it under another name, for whoever wants to look into it.

Before its tables are brought up to date a copy is kept (`copy_of`): a release that is taken back finds the file as it left it.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbusio.files import sync_folder, temporary_path

KEPT_DAMAGED: Final = 3
"""Damaged files that are kept, the newest ones."""
_DAMAGE: Final = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_SIDE_FILES: Final = ("", "-wal", "-shm")


class DamagedError(Exception):
    """The file is there and is no file of ours."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What is in a file.

    :ivar what: kind of file, for messages: "meter list".
    :ivar version: of the tables; kept in the file as `user_version`.
    :ivar create: statements that make them.
    :ivar migrations: statements by the version from which they lead to the next.
    """

    what: str
    version: int
    create: str
    migrations: Mapping[int, str] = field(default_factory=dict)


def open_file(
    path: Path, tables: Tables, check: Callable[[sqlite3.Connection], None] = lambda _: None
) -> sqlite3.Connection:
    """Open a file, or make it, and bring its tables up to date; the connection may change threads.

    :param check: reads everything; raises `DamagedError` or `ValueError` where something cannot be understood.

    Raise `DamagedError`, `sqlite3.Error` or `OSError`.
    """
    _go_back_to_copy(path, tables.version)
    # Made before SQLite does, which would let the group read it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        _verify(connection, tables, path)
        check(connection)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.DatabaseError) and (error.sqlite_errorcode & 0xFF) in _DAMAGE:
            raise DamagedError(str(error)) from error
        if isinstance(error, ValueError):
            raise DamagedError(f"a row cannot be understood: {error}") from error
        raise
    return connection


def open_copy(
    path: Path, tables: Tables, check: Callable[[sqlite3.Connection], None] = lambda _: None
) -> tuple[sqlite3.Connection, bool]:
    """Give what is in a file that cannot be written, in memory, and whether it could be read; else there are empty tables."""
    for how in ("mode=ro", "mode=ro&immutable=1"):
        connection = _in_memory()
        try:
            with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)) as file:
                file.backup(connection)
            _verify(connection, tables, None)
            check(connection)
        except (sqlite3.Error, DamagedError, ValueError):
            connection.close()
        else:
            return connection, True
    connection = _in_memory()
    _verify(connection, tables, None)
    return connection, False


def _in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Make changes that are on the disk together, or not at all; raise `sqlite3.Error` when the disk refuses."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def set_aside(path: Path, now: datetime) -> Path:
    """Give a damaged file another name, and remove the oldest of those; give the name."""
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


def copy_of(path: Path, version: int) -> Path:
    """Give the name of the copy that is kept of a file whose tables had a version."""
    return path.with_name(f"{path.name}.version-{version}")


def _go_back_to_copy(path: Path, version: int) -> None:
    """Put the copy of a version in the place of a file that a newer release made, which is kept; without one do nothing."""
    copy = copy_of(path, version)
    if not copy.is_file() or not path.is_file():
        return
    with contextlib.closing(sqlite3.connect(path)) as connection:
        try:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.DatabaseError:
            return
    if found <= version:
        return
    # Closing the last connection has brought the log into the file.
    os.replace(path, copy_of(path, found))
    for suffix in _SIDE_FILES[1:]:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    os.replace(copy, path)
    sync_folder(path.parent)


def _keep_copy(connection: sqlite3.Connection, path: Path, version: int) -> None:
    copy = copy_of(path, version)
    new = temporary_path(copy)
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection.execute("VACUUM INTO ?", (str(new),))
    os.replace(new, copy)
    sync_folder(path.parent)


def _verify(connection: sqlite3.Connection, tables: Tables, path: Path | None) -> None:
    """Check the tables, and bring them up to date.

    :param path: of the file, for a copy of older ones; None in memory.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    count = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if version == 0 and count == 0:
        connection.executescript(f"BEGIN;{tables.create}PRAGMA user_version={tables.version};COMMIT")
        return
    if version in tables.migrations and path is not None:
        _keep_copy(connection, path, version)
    while version in tables.migrations:
        version = _migrate(connection, tables, version)
    if version != tables.version:
        raise DamagedError(f"its tables have version {version}, this program knows {tables.version}")
    result = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if result != "ok":
        raise DamagedError(result)
    wanted = sqlite3.connect(":memory:")
    with contextlib.closing(wanted):
        wanted.executescript(tables.create)
        names = [row[0] for row in wanted.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        if _columns(connection, names) != _columns(wanted, names):
            raise DamagedError(f"it has other tables than a {tables.what}")


def _migrate(connection: sqlite3.Connection, tables: Tables, version: int) -> int:
    try:
        connection.executescript(
            f"BEGIN;{tables.migrations[version]}PRAGMA user_version={version + 1};COMMIT"
        )
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        raise DamagedError(
            f"it has other tables than a {tables.what} of version {version}: {error}"
        ) from error
    return version + 1


def _columns(connection: sqlite3.Connection, names: list[str]) -> list[tuple[str, ...]]:
    return [
        tuple(row[1] for row in connection.execute(f"PRAGMA table_info({name})").fetchall()) for name in names
    ]
