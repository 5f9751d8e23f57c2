"""``mbusheadend move-store``."""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from mbusheadend.decoding.keys import KeyFileError, Vault
from mbusheadend.errors import HeadEndError
from mbusheadend.settings import Settings
from mbusheadend.state import DATABASE, KEY_FILE, USERS, vault_of


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Bring the store of a file over to a server, and say what was moved. Raise `HeadEndError` or `StoreError`."""
    from mbusheadend.administration.move_people import move_people
    from mbusheadend.store.postgres.moving import move

    if settings.store is None:
        raise HeadEndError("name the server with --store, MBUSHEADEND_STORE or in the settings")
    source: Path = options.source or settings.state_folder
    file = await asyncio.to_thread(_file_of, source)
    keys = await asyncio.to_thread(_keys, file.with_name(KEY_FILE), settings.state_folder)
    begun = time.monotonic()
    moved = await asyncio.to_thread(
        move,
        file,
        settings.store.url,
        _Progress(),
        tenant=settings.store.tenant,
        password_file=settings.store.password_file,
        keys=keys,
    )
    people = await asyncio.to_thread(move_people, file.with_name(USERS), settings.store)
    for table in moved:
        if table.rows:
            print(f"{table.rows:>12} {table.table}")
    print(
        f"All rows are there, and compared one by one ({time.monotonic() - begun:.0f} s). {file} is as it was.\n"
        f"{_said_of(people)}\n"
        f"The keys of meters are opened by {settings.state_folder / KEY_FILE}: keep that."
    )


def _keys(old: Path, state: Path) -> tuple[Vault, Vault] | None:
    """Give what opens the secrets of the file and what does so from now on; None where that is the same, or there are none."""
    if not old.exists() or old.parent.resolve() == state.resolve():
        return None
    try:
        return Vault.from_file(old), vault_of(state)
    except KeyFileError as error:
        raise HeadEndError(str(error)) from error


def _said_of(users: int | None) -> str:
    if users is None:
        return "There are users on the server already: those of the file were left aside."
    return f"Users that came along, with their API tokens and the audit log: {users}"


def _file_of(source: Path) -> Path:
    return source / DATABASE if source.is_dir() else source


class _Progress:
    """Says on standard error how far it is, each half a million rows."""

    def __init__(self) -> None:
        self._next = 0

    def __call__(self, table: str, rows: int) -> None:
        if rows < self._next:
            return
        self._next = rows + 500_000 if rows >= 500_000 else 500_000
        if rows >= 500_000:
            print(f"{rows} rows of {table}", file=sys.stderr, flush=True)
