"""Who may log in, from the command line, whether the head-end runs or not; a running one notices at once."""

import argparse
import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mbusheadend.errors import HeadEndError
from mbusheadend.roles import ADMIN, READER
from mbusheadend.settings import Settings
from mbusheadend.users import RULES
from mbusweb.access import (
    AccessError,
    add_user_offline,
    delete_user_offline,
    list_users_offline,
    set_password_offline,
    set_role_offline,
)
from mbusweb.access.connection import Keeper


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Do what the action says. Raise `HeadEndError`."""
    state = settings.state_folder
    try:
        with _kept(settings) as place:
            _do(place, options)
    except AccessError as error:
        raise HeadEndError(str(error)) from error
    except OSError as error:
        raise HeadEndError(f"cannot use the state folder {state}: {error.strerror or error}") from error


@contextmanager
def _kept(settings: Settings) -> Iterator[Path | Keeper]:
    """Give where the users are: in the state folder, or on the server of the store."""
    if settings.store is None:
        settings.state_folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        yield settings.state_folder
        return
    from mbusheadend.between import opened_people

    with opened_people(settings.store) as keeper:
        yield keeper


def _do(place: Path | Keeper, options: argparse.Namespace) -> None:
    match options.action:
        case "list":
            _list(place, as_json=options.json)
        case "add":
            _add(place, options.name, options.role)
        case "role":
            set_role_offline(place, options.name, options.role, RULES)
            print(f"user {options.name} is {options.role} now")
        case "password":
            set_password_offline(place, options.name, _password(options.name), RULES)
            print(f"user {options.name} has a new password; what was logged in has ended")
        case _:
            delete_user_offline(place, options.name, RULES)
            print(f"user {options.name} deleted, with all logins and API tokens")


def _add(place: Path | Keeper, name: str, role: str | None) -> None:
    is_first = not list_users_offline(place, RULES)
    chosen = role or (ADMIN if is_first else READER)
    added = add_user_offline(place, name, _password(name), RULES, role=chosen)
    print(f"user {added} added as {chosen}")


def _list(place: Path | Keeper, *, as_json: bool) -> None:
    users = list_users_offline(place, RULES)
    if as_json:
        rows = [
            {
                "name": user.name,
                "role": user.role,
                "created": user.created.isoformat(),
                "last_login": user.last_login and user.last_login.isoformat(),
            }
            for user in users
        ]
        print(json.dumps(rows))
        return
    for user in users:
        login = f"{user.last_login:%Y-%m-%d %H:%M}" if user.last_login else "never"
        print(f"{user.name:<32}  {user.role:<8}  last login {login}")


def _password(name: str) -> str:
    """Ask for a password on a terminal, twice; elsewhere take the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    given = getpass.getpass(f"Password for {name}: ")
    if getpass.getpass("Once more: ") != given:
        raise HeadEndError("these were two different passwords")
    return given
