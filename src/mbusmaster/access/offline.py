"""What commands do to the file of the users, whether a gateway runs on it or not; a running one notices at once."""

import contextlib
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbusmaster.access import rows
from mbusmaster.access.audit import AuditKind, AuditRow, audit_row, write_row
from mbusmaster.access.database import FILE_NAME, connect, ensure, set_aside, transact
from mbusmaster.access.errors import AccessStoreError
from mbusmaster.access.hashing import Hasher
from mbusmaster.access.names import FACTORY_NAME, normal_name
from mbusmaster.access.passwords import check_password

WHO: Final = "command line"
SOURCE: Final = "this machine"


def _now() -> datetime:
    return datetime.now(UTC)


def reset_users(state: Path, *, clock: Callable[[], datetime] = _now) -> Path | None:
    """Delete all users, sessions and tokens: the default user is back; the audit log says so.

    :param state: folder of the file.

    Give the file that was set aside because it could not be used, else None. Raise `AccessStoreError`.
    """
    path = state / FILE_NAME
    row = audit_row(clock(), AuditKind.RESET, who=WHO, source=SOURCE, detail="all users")
    try:
        _do(path, rows.wipe, row)
    except AccessStoreError as error:
        if not error.needs_reset:
            raise
        aside = set_aside(path)
        _do(path, rows.wipe, row)
        return aside
    return None


def add_user_offline(
    state: Path,
    name: str,
    password: str,
    *,
    clock: Callable[[], datetime] = _now,
    hasher: Hasher | None = None,
) -> str:
    """Add a user; the first one takes the place of the default user. Give the name as it is kept.

    Raise `UserError`, `AccessStoreError`.
    """
    normal = normal_name(name)
    hashed = (hasher or Hasher()).make_now(check_password(normal, password))
    at = clock()

    def add(connection: sqlite3.Connection) -> None:
        if rows.add_user(connection, normal, hashed, at, first=False):
            gone = f"{FACTORY_NAME} (default user)"
            write_row(connection, audit_row(at, AuditKind.USER_DELETED, who=WHO, source=SOURCE, detail=gone))

    _do(state / FILE_NAME, add, audit_row(at, AuditKind.USER_ADDED, who=WHO, source=SOURCE, detail=normal))
    return normal


def _do(path: Path, job: Callable[[sqlite3.Connection], object], row: AuditRow) -> None:
    ensure(path)

    def both(connection: sqlite3.Connection) -> None:
        job(connection)
        write_row(connection, row)

    with contextlib.closing(connect(path)) as connection:
        transact(connection, both, path)
