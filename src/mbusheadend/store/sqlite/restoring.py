"""Bringing back a backup: while no head-end runs over the store."""

import contextlib
import os
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbusheadend.store.errors import StoreError, StoreRefusedError
from mbusheadend.store.sql.moments import stored
from mbusheadend.store.sqlite.database import open_database
from mbusheadend.store.sqlite.tables import MIGRATIONS
from mbusio.files import sync_folder, temporary_path

_SIDE_FILES: Final = ("", "-wal", "-shm")


def restore(backup: Path, path: Path, now: datetime) -> Path | None:
    """Put a backup in the place of the store; give where what was there is kept, None where there was nothing.

    At any instant the old store or the new one is there. Raise `StoreRefusedError` where the backup is damaged, none of ours or
    of a newer program, and where the store is in use; `OSError` as the system gives it.
    """
    check(backup)
    if path.exists():
        _check_unused(path)
    temporary = temporary_path(path)
    try:
        shutil.copyfile(backup, temporary)
        temporary.chmod(0o600)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        aside = _set_aside(path, now) if path.exists() else None
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return aside


def check(backup: Path) -> None:
    """Read a backup from beginning to end; raise `StoreRefusedError` for one that cannot be brought back."""
    try:
        with contextlib.closing(
            sqlite3.connect(f"{backup.absolute().as_uri()}?immutable=1", uri=True)
        ) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            connection.execute("SELECT count(*) FROM reading, master LIMIT 0")
    except sqlite3.Error as error:
        raise StoreRefusedError(f"{backup} is no backup of a store: {error}") from None
    if found != "ok":
        raise StoreRefusedError(f"the backup {backup} is damaged: {found}")
    if not 0 < version <= len(MIGRATIONS):
        raise StoreRefusedError(
            f"the tables of {backup} have version {version}, this program knows {len(MIGRATIONS)}"
        )


def note_restored(path: Path, made: datetime, now: datetime) -> None:
    """Write into a store that is brought back of when it is: certificates that were issued since are not in it.

    Raise `StoreError`.
    """
    with contextlib.closing(open_database(path)) as connection:
        try:
            connection.execute("INSERT INTO restored VALUES (?, ?)", (stored(made), stored(now)))
        except sqlite3.Error as error:
            raise StoreError(f"the store {path}: {error}") from error


def _check_unused(path: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise StoreRefusedError(f"the store {path} is in use: stop the head-end first") from None
    except sqlite3.DatabaseError:
        # A damaged store is just what one wants to replace.
        pass


def _set_aside(path: Path, now: datetime) -> Path:
    aside = path.with_name(f"{path.name}.replaced-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    for suffix in _SIDE_FILES[1:]:
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{aside}{suffix}")
    # Last, and by a second name: until the new store takes its place, the old one is there.
    os.link(path, aside)
    return aside
