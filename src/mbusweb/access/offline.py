"""What commands do to the file of the users, whether a service runs on it or not; a running one notices at once."""

import contextlib
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbusweb.access import rows
from mbusweb.access.audit import AccessKind, AuditRow, audit_row, write_row
from mbusweb.access.database import FILE_NAME, connect, ensure, set_aside, transact
from mbusweb.access.errors import AccessStoreError
from mbusweb.access.hashing import Hasher
from mbusweb.access.names import normal_name
from mbusweb.access.passwords import check_password
from mbusweb.access.rules import Rules

WHO: Final = "command line"
SOURCE: Final = "this machine"


def _now() -> datetime:
    return datetime.now(UTC)


def reset_users(state: Path, rules: Rules, *, clock: Callable[[], datetime] = _now) -> Path | None:
    """Delete all users, sessions and tokens: a default user is back; the audit log says so.

    :param state: folder of the file.

    Give the file that was set aside because it could not be used, else None. Raise `AccessStoreError`.
    """
    path = state / FILE_NAME
    row = audit_row(clock(), AccessKind.RESET, who=WHO, source=SOURCE, detail="all users")
    try:
        _do(path, rules, rows.wipe, row)
    except AccessStoreError as error:
        if not error.needs_reset:
            raise
        aside = set_aside(path)
        _do(path, rules, rows.wipe, row)
        return aside
    return None


def add_user_offline(
    state: Path,
    name: str,
    password: str,
    rules: Rules,
    *,
    role: str = "",
    clock: Callable[[], datetime] = _now,
    hasher: Hasher | None = None,
) -> str:
    """Add a user; the first one takes the place of a default user, and has the highest role. Give the name as it is kept.

    Raise `UserError`, `AccessStoreError`.
    """
    normal = normal_name(name, rules.default_name)
    hashed = (hasher or Hasher()).make_now(check_password(normal, password))
    at = clock()

    def add(connection: sqlite3.Connection) -> None:
        is_first = rows.add_user(connection, normal, hashed, at, rules, role=role, first=False)
        if is_first and rules.default_user is not None:
            gone = f"{rules.default_name} (default user)"
            write_row(connection, audit_row(at, AccessKind.USER_DELETED, who=WHO, source=SOURCE, detail=gone))

    detail = f"{normal} ({role})" if role else normal
    row = audit_row(at, AccessKind.USER_ADDED, who=WHO, source=SOURCE, detail=detail)
    _do(state / FILE_NAME, rules, add, row)
    return normal


def _do(path: Path, rules: Rules, job: Callable[[sqlite3.Connection], object], row: AuditRow) -> None:
    ensure(path, rules.remedy)

    def both(connection: sqlite3.Connection) -> None:
        job(connection)
        write_row(connection, row)

    with contextlib.closing(connect(path, rules.remedy)) as connection:
        transact(connection, both, path, rules.remedy)
