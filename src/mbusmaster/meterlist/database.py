"""The file of the meter list (`mbusmaster.sqlitefile`).

Of a damaged one, what was lost is not made up: it is set aside, and a new list begins. `problem` says so.
"""

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbusmaster.meterlist.errors import MeterListError
from mbusmaster.sqlitefile import DamagedError, Tables, open_copy, open_file, set_aside, transaction

VERSION: Final = 2
"""Of the tables; kept in the file as `user_version`."""
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
TABLES: Final = Tables("meter list", VERSION, _TABLES, _MIGRATIONS)
_log = logging.getLogger(__name__)


class Database:
    """One open file.

    On a disk that is full or read-only there is only what was in the file, in memory: the buses go on, and nothing stays.

    :param check: reads everything; raises `DamagedError` or `ValueError` where something cannot be understood.
    :ivar problem: what was wrong with the file at the start, for a person; empty where all was well.

    Raise `MeterListError` where there is no such folder.
    """

    def __init__(
        self, path: Path, clock: Callable[[], datetime], check: Callable[[sqlite3.Connection], None]
    ) -> None:
        self.path = path
        self.problem = ""
        if not path.parent.is_dir():
            raise MeterListError(f"the meter list {path} cannot be opened: there is no folder {path.parent}")
        try:
            try:
                self._connection = open_file(path, TABLES, check)
            except DamagedError as error:
                aside = set_aside(path, clock())
                self.problem = (
                    f"the meter list {path} was damaged ({error}) and its meters are lost: it is kept as {aside.name}, "
                    "and a new list was begun; scan again"
                )
                self._connection = open_file(path, TABLES, check)
        except (sqlite3.Error, OSError, DamagedError) as error:
            self._connection, found = open_copy(path, TABLES, check)
            self.problem = (
                f"the meter list {path} cannot be written: {error}; "
                + (
                    "it is used as it was"
                    if found
                    else "it cannot be read either, and a list without meters is in use"
                )
                + ", and what changes is lost at a restart: make room on the disk, or repair it, and restart"
            )
        if self.problem:
            _log.error("%s", self.problem)

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Make changes that are on the disk together, or not at all; raise `MeterListError` when the disk refuses."""
        try:
            with transaction(self._connection) as connection:
                yield connection
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
