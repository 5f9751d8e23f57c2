"""What the head-end keeps in its state folder: the store and the authority."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbusheadend.authority import Authority, open_authority
from mbusheadend.decoding.keys import KeyFileError, Vault
from mbusheadend.errors import HeadEndError
from mbusheadend.store import Store, StoreError

DATABASE: Final = "headend.sqlite"
AUTHORITY_FOLDER: Final = "authority"
KEY_FILE: Final = "meter-keys"
"""Opens the keys of encrypted meters, which lie in the store; no backup has it unless a passphrase protects it."""


def utc_now() -> datetime:
    """Give the time."""
    return datetime.now(UTC)


def open_store(state: Path) -> Store:
    """Open the store in a state folder. Raise `HeadEndError`."""
    # SQLite may be replaced by another store: only here it is named.
    from mbusheadend.store.sqlite.store import SqliteStore

    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        return SqliteStore(state / DATABASE, Vault.from_file(state / KEY_FILE))
    except OSError as error:
        raise HeadEndError(
            f"cannot use the state folder {state}: {error.strerror}; name another one with --state"
        ) from error
    except (StoreError, KeyFileError) as error:
        raise HeadEndError(str(error)) from error


@asynccontextmanager
async def stored_in(state: Path) -> AsyncIterator[Store]:
    """Open the store in a state folder, and close it at the end. Raise `HeadEndError`."""
    store = open_store(state)
    try:
        yield store
    finally:
        store.close()


def authority_of(state: Path) -> Authority:
    """Open the authority in a state folder. Raise `HeadEndError`."""
    return open_authority(state / AUTHORITY_FOLDER, utc_now())
