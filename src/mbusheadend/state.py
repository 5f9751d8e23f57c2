"""What the head-end keeps in its state folder: the store and the authority."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbusheadend.authority import Authority, open_authority
from mbusheadend.decoding.keys import KeyFileError, Vault
from mbusheadend.errors import HeadEndError
from mbusheadend.settings import Settings
from mbusheadend.store import Store, StoreError
from mbusheadend.store.late import LateStore
from mbusheadend.store.settings import StoreSettings

DATABASE: Final = "headend.sqlite"
AUTHORITY_FOLDER: Final = "authority"
_AUTHORITY_NOTE: Final = "fingerprint of the authority"
USERS: Final = "access.db"
"""Users, API tokens, audit log (`mbusweb.access`)."""
KEY_FILE: Final = "meter-keys"
"""Opens the keys of encrypted meters, which lie in the store; no backup has it unless a passphrase protects it."""


def utc_now() -> datetime:
    """Give the time."""
    return datetime.now(UTC)


def open_store(state: Path, server: StoreSettings | None = None) -> Store:
    """Open the store: on a server, or in a state folder, where the key file is in any case. Raise `HeadEndError`."""
    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        vault = Vault.from_file(state / KEY_FILE)
        return _file(state, vault) if server is None else _server(server, vault)
    except OSError as error:
        raise HeadEndError(
            f"cannot use the state folder {state}: {error.strerror}; name another one with --state"
        ) from error
    except (StoreError, KeyFileError) as error:
        raise HeadEndError(str(error)) from error


def store_of(settings: Settings) -> Store:
    """Open the store of the settings. Raise `HeadEndError`."""
    folder = settings.state_folder if settings.store is None else settings.keys_folder
    try:
        settings.state_folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise HeadEndError(f"cannot use {settings.state_folder}: {error.strerror or error}") from error
    return open_store(folder, settings.store)


def _file(state: Path, vault: Vault) -> Store:
    # Only here and below it is named which store this is.
    from mbusheadend.store.sqlite.store import SqliteStore

    return SqliteStore(state / DATABASE, vault)


def _server(server: StoreSettings, vault: Vault) -> Store:
    from mbusheadend.store.postgres.partitions import Width
    from mbusheadend.store.postgres.store import PostgresStore

    return PostgresStore(
        server.url,
        server.tenant,
        vault,
        width=Width(server.partitions),
        password_file=server.password_file,
    )


@asynccontextmanager
async def stored_in(settings: Settings) -> AsyncIterator[Store]:
    """Open the store of the settings, and close it at the end. Raise `HeadEndError`."""
    store = store_of(settings)
    try:
        yield store
    finally:
        store.close()


@asynccontextmanager
async def served_from(settings: Settings) -> AsyncIterator[Store]:
    """Open the store for a head-end that serves. Raise `HeadEndError`.

    Where a stream takes uploads, a store on a server may also come later.
    """
    if settings.store is None or settings.stream is None:
        async with stored_in(settings) as store:
            yield store
        return
    late = LateStore(lambda: store_of(settings), (HeadEndError,))
    await late.try_to_open()
    trying = asyncio.create_task(late.keep_trying())
    try:
        yield late.here
    finally:
        trying.cancel()
        await asyncio.wait({trying})
        late.close()


def copy_users(state: Path, path: Path) -> None:
    """Copy the file with users into a new one, where there is any, also while it is in use. Raise `StoreError`."""
    from mbusheadend.store.sqlite.database import copy_database

    if not (state / USERS).exists():
        return
    try:
        copy_database(state / USERS, path)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the users in {state / USERS} cannot be copied: {error}") from error


def check_store(path: Path) -> None:
    """Read the backup of a store from beginning to end; raise `StoreRefusedError` for one that cannot be used."""
    from mbusheadend.store.sqlite.restoring import check

    check(path)


def note_restored(path: Path, made: datetime, now: datetime) -> None:
    """Write into a store that is brought back of when it is; raise `StoreError`."""
    from mbusheadend.store.sqlite.restoring import note_restored as note

    note(path, made, now)


def vault_of(state: Path) -> Vault:
    """Open the key file of a state folder, made where there is none. Raise `HeadEndError`."""
    try:
        return Vault.from_file(state / KEY_FILE)
    except KeyFileError as error:
        raise HeadEndError(str(error)) from error


async def see_that_it_is_ours(store: Store, authority: Authority) -> None:
    """Refuse a state folder whose authority is not that of the other processes; raise `HeadEndError`.

    With two authorities each master would trust only some of the processes.
    """
    ours = authority.fingerprint.hex()
    known = await store.read_note(_AUTHORITY_NOTE)
    if known is None:
        await store.write_note(_AUTHORITY_NOTE, ours)
    elif known != ours:
        raise HeadEndError(
            "the store belongs to a head-end with another authority: bring that one here with `mbusheadend authority"
            " export` and `import`, into an empty state folder"
        )


def authority_of(state: Path) -> Authority:
    """Open the authority in a state folder. Raise `HeadEndError`."""
    return open_authority(state / AUTHORITY_FOLDER, utc_now())
