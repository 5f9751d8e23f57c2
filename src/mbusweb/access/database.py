"""The file of the users: made whole or not at all, written by one thread, watched for changes by other processes.

A file that is damaged, or was made by a newer version, is never replaced by an empty one by itself: that would bring the default
user back and open the door. `set_aside` does so when somebody at the device asks for it, and keeps the old file.
"""

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from mbusio.files import sync_file, sync_folder
from mbusweb.access import migrations
from mbusweb.access.connection import Connection
from mbusweb.access.errors import AccessStoreError
from mbusweb.access.posting import Posting

FILE_NAME: Final = "access.db"
DAMAGED_SUFFIX: Final = ".damaged"
BUSY_SECONDS: Final = 5.0
SETTLE_SECONDS: Final = 5.0
_BESIDE: Final = ("-wal", "-shm")
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

T = TypeVar("T")
_log = logging.getLogger(__name__)


def create(path: Path, *, is_set_up: bool = False) -> None:
    """Make the file with empty tables; whoever finds it finds all of it, readable by its owner only. Raise `AccessStoreError`."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    with _told("make", path):
        try:
            os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            _belong_to_owner_of_folder(new)
            with contextlib.closing(_connection(new)) as connection:
                _migrate(connection, 0)
                _add_columns(connection)
                if is_set_up:
                    connection.execute("UPDATE state SET is_set_up = 1")
            sync_file(new)
            # Two processes at the same time: the first one's file stays.
            with contextlib.suppress(FileExistsError):
                os.link(new, path)
        finally:
            new.unlink(missing_ok=True)
        sync_folder(path.parent)


def set_aside(path: Path) -> Path:
    """Put an empty file in the place of one that cannot be used; give where that one is now. Raise `AccessStoreError`."""
    aside = path.with_name(path.name + DAMAGED_SUFFIX)
    with _told("set aside", path):
        for suffix in ("", *_BESIDE):
            Path(f"{aside}{suffix}").unlink(missing_ok=True)
        # First the file itself: what is left beside it says that there was one.
        for suffix in ("", *_BESIDE):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{path}{suffix}", f"{aside}{suffix}")
    create(path, is_set_up=True)
    return aside


def connect(path: Path, remedy: str) -> sqlite3.Connection:
    """Open the file and bring its tables up to date. Raise `AccessStoreError` if it is missing, damaged or too new.

    :param remedy: what helps then, for the end of the message.
    """
    with _told("open", path, remedy):
        if not path.exists():
            raise AccessStoreError(f"{path} is missing; {remedy}", needs_reset=True)
        # SQLite takes an empty file for a new one: here it is one that lost its content.
        if path.stat().st_size == 0:
            raise _damaged(path, "it is empty", remedy)
        connection = _connection(path)
        try:
            _check(connection, path, remedy)
        except BaseException:
            connection.close()
            raise
    return connection


def _check(connection: sqlite3.Connection, path: Path, remedy: str) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > migrations.VERSION:
        newer = f"{path} was made by a newer version of this program; install that, or: {remedy}"
        raise AccessStoreError(newer, needs_reset=True)
    if found < 1:
        raise _damaged(path, "it has no version", remedy)
    if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise _damaged(path, "its check failed", remedy)
    _migrate(connection, found)
    try:
        _add_columns(connection)
        if connection.execute("SELECT generation, era, is_set_up FROM state WHERE id = 1").fetchone() is None:
            raise _damaged(path, "its state is missing", remedy)
        connection.execute("SELECT users.id, tokens.id, audit.id FROM users, tokens, audit LIMIT 0")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        raise _damaged(path, str(error), remedy) from error


def transact(connection: sqlite3.Connection, job: Callable[[Connection], T], path: Path, remedy: str) -> T:
    """Do a job in one transaction; when this returns, all of it is on the disk, and when it raises, nothing is."""
    with _told("write", path, remedy):
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = job(connection)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        return result


def ensure(path: Path, remedy: str) -> None:
    """Make the file where there is none and nothing says that there was one. Raise `AccessStoreError`."""
    with _told("find", path):
        if path.exists():
            return
        if os.path.lexists(f"{path}-wal"):
            raise AccessStoreError(
                f"{path} is missing, only what belongs to it is there; {remedy}", needs_reset=True
            )
    create(path)


class Database:
    """The file as a running gateway uses it: read in the thread of the loop, written in a thread of its own.

    :param remedy: what helps where it cannot be used.
    :ivar trouble: why it cannot be used; None when it can.
    """

    def __init__(self, path: Path, remedy: str) -> None:
        self.path = path
        self._remedy = remedy
        self.trouble: AccessStoreError | None = AccessStoreError(f"{path} has not been opened")
        self._reader: sqlite3.Connection | None = None
        self._writer: tuple[sqlite3.Connection, tuple[int, int]] | None = None
        self._identity: tuple[int, int] | None = None
        self._data_version = -1
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="access")
        self._posting = Posting(self._thread, self._write)
        self._reading = threading.Lock()

    def open(self, *, make: bool = False) -> None:
        """Open the file, or say in `trouble` why that cannot be; never raises.

        :param make: where there is none; otherwise that is trouble.
        """
        self._close_reader()
        try:
            if make:
                ensure(self.path, self._remedy)
            self._identity = _identity(self.path)
            self._reader = connect(self.path, self._remedy)
        except AccessStoreError as error:
            self._fail(error)
            return
        self._data_version = -1
        self.trouble = None

    def close(self) -> None:
        """Write what is pending and close the file."""
        self._thread.submit(self._close_writer).result()
        self._thread.shutdown()
        self._close_reader()
        self.trouble = AccessStoreError(f"{self.path} is closed")

    def was_made(self) -> bool:
        """Tell whether there is a file, also one that cannot be used."""
        return os.path.exists(self.path)

    def has_changed(self) -> bool:
        """Tell whether anything was written since the last call, by this process or another, or the file is another one now."""
        if _identity(self.path) != self._identity:
            self.open()
            return True
        if self._reader is None:
            return False
        version: int = self.read(lambda reader: reader.execute("PRAGMA data_version").fetchone()[0])
        changed = version != self._data_version
        self._data_version = version
        return changed

    def read(self, job: Callable[[Connection], T]) -> T:
        """Give what a job reads, all of one state. Raise `AccessStoreError`; a damaged file is closed."""
        try:
            with _told("read", self.path, self._remedy), self._reading:
                if self._reader is None:
                    raise self.trouble or AccessStoreError(f"{self.path} is closed")
                self._reader.execute("BEGIN")
                try:
                    return job(self._reader)
                finally:
                    self._reader.execute("ROLLBACK")
        except AccessStoreError as error:
            if error.needs_reset and self.trouble is None:
                self._close_reader()
                self._fail(error)
            raise

    def write(self, job: Callable[[Connection], T]) -> "Future[T]":
        """Do a job in one transaction in the writing thread; done when it is on the disk. Fails with `AccessStoreError`."""
        return self._thread.submit(self._write, job)

    def post(self, job: Callable[[Connection], object], lost: str) -> None:
        """Have a job done that nobody waits for; where that fails, the log says what was lost, and in the end how much."""
        self._posting.post(job, lost)

    def settle(self) -> None:
        """Wait until all that was handed in until now is on the disk, but not for ever: a disk may hang."""
        with contextlib.suppress(TimeoutError):
            self._thread.submit(lambda: None).result(SETTLE_SECONDS)

    def replace(self) -> "Future[None]":
        """Set the file aside and begin with an empty one."""
        return self._thread.submit(self._replace)

    def _fail(self, error: AccessStoreError) -> None:
        if self.trouble is None or str(error) != str(self.trouble):
            _log.error("nobody can log in: %s", error)
        self.trouble = error

    def _write(self, job: Callable[[Connection], T]) -> T:
        identity = _identity(self.path)
        if self._writer is not None and self._writer[1] != identity:
            self._close_writer()
        if self._writer is None:
            connection = connect(self.path, self._remedy)
            self._writer = (connection, identity or (0, 0))
        return transact(self._writer[0], job, self.path, self._remedy)

    def _replace(self) -> None:
        self._close_writer()
        set_aside(self.path)

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer[0].close()
            self._writer = None

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def _connection(path: Path) -> sqlite3.Connection:
    # What is made in one thread is closed in another when the gateway ends.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        timeout=BUSY_SECONDS,
        check_same_thread=False,
    )
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            "cache_size = -256",
            "journal_size_limit = 1048576",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    for number, script in enumerate(migrations.MIGRATIONS[version:], version + 1):
        # executescript would commit first; one statement after the other stays inside the transaction.
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in filter(str.strip, script.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _add_columns(connection: sqlite3.Connection) -> None:
    for table, column, kind in migrations.ADDED_COLUMNS:
        if _has_column(connection, table, column):
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have been quicker.
            if not _has_column(connection, table, column):
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _has_column(connection: sqlite3.Connection, table: str, column: str) -> bool:
    return any(row[1] == column for row in connection.execute(f"PRAGMA table_info({table})"))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _damaged(path: Path, why: str, remedy: str) -> AccessStoreError:
    return AccessStoreError(f"{path} is damaged: {why}; {remedy}", needs_reset=True)


def _is_damage(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE


@contextlib.contextmanager
def _told(what: str, path: Path, remedy: str = "") -> Iterator[None]:
    """Turn what the system and SQLite say into one sentence."""
    try:
        yield
    except FileNotFoundError as error:
        raise AccessStoreError(f"cannot {what} {path}: it is not there") from error
    except OSError as error:
        raise AccessStoreError(f"cannot {what} {path}: {error.strerror or error}") from error
    except sqlite3.Error as error:
        if _is_damage(error):
            raise _damaged(path, str(error), remedy) from error
        raise AccessStoreError(f"cannot {what} {path}: {error}") from error


def _belong_to_owner_of_folder(path: Path) -> None:
    """A command that root runs must not make a file that the gateway cannot read."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)
