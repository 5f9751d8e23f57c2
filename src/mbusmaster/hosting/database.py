"""The file of hosted reading: orders, slots that are done, outbox and history, what is known of each meter.

One thread uses it, never the event loop's. A damaged file is set aside and a new one begun (`mbusmaster.sqlitefile`): orders come
again from the head-end, readings that it did not have are lost, and `problem` says so.
"""

import asyncio
import errno
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self, TypeVar

from mbusmaster.hosting.errors import HostingFileError
from mbusmaster.sqlitefile import DamagedError, Tables, open_file, set_aside, transaction
from mbusweb.texts import NO_TEXT, Text, mark

FILE_NAME: Final = "hosting.db"
LOG_PAGES: Final = 200
"""Pages of 4 KiB that the write-ahead log may have before it is worked off."""
DAMAGED: Final = mark(
    "The file of hosted reading was damaged: it is kept as %(name)s, and what the head-end did not have yet is missing."
)
_TABLES: Final = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE schedule (
    id TEXT PRIMARY KEY, body TEXT NOT NULL, checked INTEGER NOT NULL, slot INTEGER, first INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE done (
    number INTEGER PRIMARY KEY, schedule TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    UNIQUE (schedule, first)
) STRICT;
CREATE TABLE command (
    id TEXT PRIMARY KEY, body TEXT NOT NULL, came INTEGER NOT NULL, first INTEGER NOT NULL, outcome TEXT,
    detail TEXT NOT NULL DEFAULT '', told INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE meter (
    id INTEGER PRIMARY KEY, bus TEXT NOT NULL, address TEXT NOT NULL, baud INTEGER,
    by_primary INTEGER NOT NULL DEFAULT 0, UNIQUE (bus, address)
) STRICT;
CREATE TABLE pattern (id INTEGER PRIMARY KEY, meter INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
CREATE INDEX pattern_of ON pattern (meter);
CREATE TABLE reading (
    seq INTEGER PRIMARY KEY, id BLOB NOT NULL, meter INTEGER NOT NULL, schedule INTEGER NOT NULL, slot INTEGER NOT NULL,
    taken INTEGER NOT NULL, clock INTEGER NOT NULL, outcome INTEGER NOT NULL, attempts INTEGER NOT NULL,
    baud INTEGER NOT NULL, remark INTEGER, pattern INTEGER, telegrams BLOB, state INTEGER NOT NULL
) STRICT;
CREATE INDEX reading_taken ON reading (taken);
CREATE INDEX reading_due ON reading (state, seq) WHERE state <> 1;
"""
TABLES: Final = Tables("file of hosted reading", 1, _TABLES)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Database:
    """The open file; `open` makes one.

    :ivar path: of the file.
    :ivar problem: what was wrong with it at the start; empty where all was well.
    """

    def __init__(self, path: Path, executor: Executor) -> None:
        self.path = path
        self.problem: Text = NO_TEXT
        self._executor = executor
        self._connection: sqlite3.Connection | None = None

    @classmethod
    async def open(
        cls, path: Path, *, clock: Callable[[], datetime], executor: Executor | None = None
    ) -> Self:
        """Open the file, or make it.

        :param executor: does the work, one job at a time; None is a thread of its own.

        Raise `HostingFileError` where it can neither be opened nor replaced.
        """
        this = cls(path, executor or ThreadPoolExecutor(1, thread_name_prefix="hosting"))
        try:
            await this._call(lambda: this._open(clock))
        except HostingFileError:
            this._executor.shutdown(wait=False)
            raise
        return this

    async def change(
        self, job: Callable[[sqlite3.Connection], T], *, undone: Callable[[], None] = lambda: None
    ) -> T:
        """Do a job in one transaction: when this returns, all of it is on the disk, and when it raises, nothing is.

        :param undone: called in the thread of the jobs, before the next one, where nothing came of it.

        Raise `HostingFileError`. Cancelled, the job may be done all the same.
        """

        def work() -> T:
            try:
                with transaction(self._opened()) as connection:
                    return job(connection)
            except BaseException:
                undone()
                raise

        return await self._call(work)

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Give what a job reads; raise `HostingFileError`."""
        return await self._call(lambda: job(self._opened()))

    async def close(self) -> None:
        """Finish what was begun and close the file."""

        def work() -> None:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

        await self._call(work)
        self._executor.shutdown(wait=False)

    def _open(self, clock: Callable[[], datetime]) -> None:
        try:
            self._connection = open_file(self.path, TABLES)
        except DamagedError as error:
            aside = set_aside(self.path, clock())
            self.problem = Text(DAMAGED, {"name": aside.name})
            _log.error("%s (%s)", self.problem, error)
            self._connection = open_file(self.path, TABLES)

        # A small log beside the file: when the disk is full, what is kept in reserve must be enough to work it off.
        self._connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise HostingFileError(f"{self.path} is closed")
        return self._connection

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except (sqlite3.Error, OSError, DamagedError) as error:
            raise HostingFileError(f"{self.path} cannot be used: {error}", full=_is_full(error)) from error


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOSPC
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def seconds_of(moment: datetime) -> int:
    """Give a slot as it stands in the file: whole seconds since 1970."""
    return (moment - _EPOCH) // timedelta(seconds=1)


def milliseconds_of(moment: datetime) -> int:
    """Give a moment as it stands in the file: whole milliseconds since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment_at(milliseconds: int) -> datetime:
    """Give a moment of the file."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def get_fact(connection: sqlite3.Connection, name: str) -> str | None:
    """Give a single value that is kept."""
    row = connection.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def set_fact(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a single value."""
    connection.execute(
        "INSERT INTO fact VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
