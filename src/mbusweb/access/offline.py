"""What commands do to the users, whether a service runs over them or not; a running one notices at once.

`place` is the folder of the file, or who keeps the users elsewhere: one that is open.
"""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbusweb.access import rows
from mbusweb.access.audit import AccessKind, AuditRow, audit_row, write_row
from mbusweb.access.connection import Connection, Keeper
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
        _do(state, rules, rows.wipe, row)
    except AccessStoreError as error:
        if not error.needs_reset:
            raise
        aside = set_aside(path)
        _do(state, rules, rows.wipe, row)
        return aside
    return None


def add_user_offline(
    place: Path | Keeper,
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

    def add(connection: Connection) -> None:
        is_first = rows.add_user(connection, normal, hashed, at, rules, role=role, first=False)
        if is_first and rules.default_user is not None:
            gone = f"{rules.default_name} (default user)"
            write_row(connection, audit_row(at, AccessKind.USER_DELETED, who=WHO, source=SOURCE, detail=gone))

    detail = f"{normal} ({role})" if role else normal
    row = audit_row(at, AccessKind.USER_ADDED, who=WHO, source=SOURCE, detail=detail)
    _do(place, rules, add, row)
    return normal


def list_users_offline(place: Path | Keeper, rules: Rules) -> tuple[rows.User, ...]:
    """List the users by name; none where nobody has made the file. Raise `AccessStoreError`."""
    if not isinstance(place, Path):
        return place.read(rows.users)
    path = place / FILE_NAME
    if not path.exists():
        return ()
    with contextlib.closing(connect(path, rules.remedy)) as connection:
        return rows.users(connection)


def delete_user_offline(
    place: Path | Keeper, name: str, rules: Rules, *, clock: Callable[[], datetime] = _now
) -> None:
    """Delete a user, as `Access.delete_user` does. Raise `UserError`, `AccessStoreError`."""
    row = audit_row(clock(), AccessKind.USER_DELETED, who=WHO, source=SOURCE, detail=name)
    _do(place, rules, lambda connection: rows.delete_user(connection, name, rules), row)


def set_role_offline(
    place: Path | Keeper, name: str, role: str, rules: Rules, *, clock: Callable[[], datetime] = _now
) -> None:
    """Give a user another role, as `Access.set_role` does. Raise `UserError`, `AccessStoreError`."""
    row = audit_row(clock(), AccessKind.ROLE_CHANGED, who=WHO, source=SOURCE, detail=f"{name}: {role}")
    _do(place, rules, lambda connection: rows.set_role(connection, name, role, rules), row)


def set_password_offline(
    place: Path | Keeper,
    name: str,
    password: str,
    rules: Rules,
    *,
    clock: Callable[[], datetime] = _now,
    hasher: Hasher | None = None,
) -> None:
    """Give a user a new password; the user's sessions end. Raise `UserError`, `AccessStoreError`."""
    hashed, at = (hasher or Hasher()).make_now(check_password(name, password)), clock()
    row = audit_row(at, AccessKind.PASSWORD_CHANGED, who=WHO, source=SOURCE, detail=name)
    _do(place, rules, lambda connection: rows.set_password(connection, name, hashed, at), row)


def _do(place: Path | Keeper, rules: Rules, job: Callable[[Connection], object], row: AuditRow) -> None:
    def both(connection: Connection) -> None:
        job(connection)
        write_row(connection, row)

    if not isinstance(place, Path):
        place.write(both).result()
        return
    path = place / FILE_NAME
    ensure(path, rules.remedy)
    with contextlib.closing(connect(path, rules.remedy)) as connection:
        transact(connection, both, path, rules.remedy)
