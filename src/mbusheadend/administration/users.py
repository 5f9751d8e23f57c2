"""Who may log in, from the command line, whether the head-end runs or not; a running one notices at once."""

import argparse
import getpass
import json
import sys
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


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Do what the action says. Raise `HeadEndError`."""
    state = settings.state_folder
    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        match options.action:
            case "list":
                _list(state, as_json=options.json)
            case "add":
                _add(state, options.name, options.role)
            case "role":
                set_role_offline(state, options.name, options.role, RULES)
                print(f"user {options.name} is {options.role} now")
            case "password":
                set_password_offline(state, options.name, _password(options.name), RULES)
                print(f"user {options.name} has a new password; what was logged in has ended")
            case _:
                delete_user_offline(state, options.name, RULES)
                print(f"user {options.name} deleted, with all logins and API tokens")
    except AccessError as error:
        raise HeadEndError(str(error)) from error
    except OSError as error:
        raise HeadEndError(f"cannot use the state folder {state}: {error.strerror or error}") from error


def _add(state: Path, name: str, role: str | None) -> None:
    is_first = not list_users_offline(state, RULES)
    chosen = role or (ADMIN if is_first else READER)
    added = add_user_offline(state, name, _password(name), RULES, role=chosen)
    print(f"user {added} added as {chosen}")


def _list(state: Path, *, as_json: bool) -> None:
    users = list_users_offline(state, RULES)
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
