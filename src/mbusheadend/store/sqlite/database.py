"""The file, its threads and its transactions: one thread writes, a few read, none of them is the event loop's."""

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from mbusheadend.store.errors import StoreError, StoreRefusedError
from mbusheadend.store.sqlite.connection import SqliteConnection
from mbusheadend.store.sqlite.tables import MIGRATIONS
from mbusio.files import sync_folder

T = TypeVar("T")
READERS: Final = 3
WRITER_CACHE: Final = 65536
"""KiB: the newest pages of the indexes, which each batch goes on with."""
WAIT: Final = 30.0
"""Seconds for a lock that another process has (a backup program, a shell)."""


class Database:
    """One open file.

    Work is a function of a connection; it runs in a thread and in one transaction. What it raises undoes all it did. Errors of
    SQLite become `StoreError`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._readers = ThreadPoolExecutor(READERS, "store-reader")
        self._local = threading.local()
        self._reading: list[sqlite3.Connection] = []
        self._forget: list[Callable[[], None]] = []
        self._connection = open_database(path)
        self._version = 0

    def on_undone(self, forget: Callable[[], None]) -> None:
        """Call this in the writer's thread whenever changes were undone, or another process has made some.

        What was remembered may then not be so.
        """
        self._forget.append(forget)

    async def write(self, work: Callable[[SqliteConnection], T]) -> T:
        """Make changes that are on the disk when this returns, all of them or none.

        Once begun, the work is finished even where the caller is cancelled.
        """
        return await _run(self._writer, lambda: self._written(work))

    async def read(self, work: Callable[[SqliteConnection], T]) -> T:
        """Look at one state of the store, whatever is written meanwhile."""
        return await _run(self._readers, lambda: self._read(work))

    async def copy_to(self, path: Path) -> None:
        """Copy one state of the file, whatever is written meanwhile; the copy is on the disk when this returns."""
        await _run(self._readers, lambda: self._wrapped(lambda: copy_database(self.path, path)))

    def close(self) -> None:
        """Finish what was begun and close the file."""
        self._writer.shutdown()
        self._readers.shutdown()
        for connection in (*self._reading, self._connection):
            connection.close()

    def _written(self, work: Callable[[SqliteConnection], T]) -> T:
        def known(connection: SqliteConnection) -> T:
            version = connection.raw.execute("PRAGMA data_version").fetchone()[0]
            if version != self._version:
                self._version = version
                self._forget_all()
            return work(connection)

        try:
            return self._wrapped(lambda: transaction(self._connection, "IMMEDIATE", known))
        except BaseException:
            self._forget_all()
            raise

    def _forget_all(self) -> None:
        for forget in self._forget:
            forget()

    def _read(self, work: Callable[[SqliteConnection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = _connect(self.path)
            connection.execute("PRAGMA query_only=ON")
            self._local.connection = connection
            self._reading.append(connection)
        return self._wrapped(lambda: transaction(connection, "DEFERRED", work))

    def _wrapped(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the store {self.path}: {error}; nothing was changed") from error


def transaction(connection: sqlite3.Connection, kind: str, work: Callable[[SqliteConnection], T]) -> T:
    """Do work in one transaction."""
    connection.execute(f"BEGIN {kind}")
    try:
        result = work(SqliteConnection(connection))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


async def _run(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, work)


def open_database(path: Path) -> sqlite3.Connection:
    """Open the file to write, made where there is none, its tables brought up to date. Raise `StoreError`."""
    try:
        # Made before SQLite does, which would let the group read it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
        connection = _connect(path)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the store {path} cannot be opened: {error}") from error
    try:
        connection.execute(f"PRAGMA cache_size=-{WRITER_CACHE}")
        # Counts before the first table only; a file that is older keeps its size, and uses what is free in it.
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        _migrate(connection, path)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise StoreError(f"the store {path} cannot be opened: {error}") from error
        raise
    return connection


def copy_database(source: Path, target: Path) -> None:
    """Copy one state of a file of SQLite, whatever others write meanwhile, into a new file that is on the disk then.

    Raise `StoreRefusedError` where there is such a file already, `OSError` and `sqlite3.Error`.
    """
    try:
        # As above: nobody else may read it, from the beginning on.
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        raise StoreRefusedError(f"{target} is there already: a copy overwrites nothing") from None
    try:
        with (
            contextlib.closing(_connect(source)) as connection,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            # In one step: a reader of a log does not keep writers waiting, and steps would begin anew with each change.
            connection.backup(copy)
            # A backup is one file: with a log beside it, half of it is soon lost.
            copy.execute("PRAGMA journal_mode=DELETE")
        with target.open("rb") as file:
            os.fsync(file.fileno())
        sync_folder(target.parent)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the store {path} was written by a newer program: its tables have version {version}, "
            f"this program knows {len(MIGRATIONS)}"
        )
    for number, statements in enumerate(MIGRATIONS[version:], version + 1):
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("ROLLBACK")
        connection.executescript(f"BEGIN IMMEDIATE;{statements}PRAGMA user_version={number};COMMIT")
