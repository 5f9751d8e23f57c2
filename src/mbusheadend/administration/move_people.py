"""Users, API tokens and the audit log of a state folder, brought over to the server of the store."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mbusheadend.between import opened_people
from mbusheadend.errors import HeadEndError
from mbusheadend.store.settings import StoreSettings
from mbusweb.access import AccessError
from mbusweb.access.connection import Connection
from mbusweb.access.database import connect

_USER = "key, name, hash, epoch, created, password_changed, last_login, role"
_TOKEN = "title, digest, created, expires, last_used, last_source, role"  # noqa: S105 - names of columns
_AUDIT = "at, kind, who, source, detail, outcome"
_Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _People:
    """What the file has; the first column of a user is its number there, that of a token the number of its user."""

    users: tuple[_Row, ...]
    tokens: tuple[_Row, ...]
    audit: tuple[_Row, ...]


def move_people(file: Path, settings: StoreSettings) -> int | None:
    """Bring them over in one transaction, with numbers of the server; give how many users came.

    None: somebody is a user there already, and nothing was brought. The file stays. Where there is none, nobody comes.

    :raises HeadEndError: where the file or the server cannot be used.
    """
    if not file.exists():
        return 0
    try:
        people = _read(file)
        with opened_people(settings) as keeper:
            return keeper.write(lambda there: _bring(there, people)).result()
    except AccessError as error:
        raise HeadEndError(str(error)) from error


def _read(file: Path) -> _People:
    with contextlib.closing(connect(file, "bring a backup back")) as here:
        return _People(
            tuple(here.execute(f"SELECT id, {_USER} FROM users ORDER BY id")),  # noqa: S608 - our own names
            tuple(here.execute(f'SELECT "user", {_TOKEN} FROM tokens ORDER BY id')),  # noqa: S608
            tuple(here.execute(f"SELECT {_AUDIT} FROM audit ORDER BY id")),  # noqa: S608
        )


def _bring(there: Connection, people: _People) -> int | None:
    if there.execute("SELECT id FROM users LIMIT 1").fetchone() is not None:
        return None
    numbers = {
        number: there.execute(f"{_insert('users', _USER)} RETURNING id", row).fetchone()[0]
        for number, *row in people.users
    }
    for user, *row in people.tokens:
        there.execute(_insert("tokens", f'"user", {_TOKEN}'), (numbers[user], *row))
    for entry in people.audit:
        there.execute(_insert("audit", _AUDIT), entry)
    if numbers:
        there.execute("UPDATE state SET is_set_up = 1, era = era + 1, generation = generation + 1")
    return len(numbers)


def _insert(table: str, columns: str) -> str:
    marks = ", ".join("?" * (columns.count(",") + 1))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - our own names
