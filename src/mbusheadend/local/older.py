"""Keys of local masters that lie in the state folder, where versions before kept them: brought into the store, once.

``local/SERIAL/client.pem`` was our key and certificate, ``local/SERIAL/authority.pem`` whom to trust.
"""

import asyncio
import logging
import shutil
from pathlib import Path
from typing import Final

from mbusheadend.local.credentials import MAX_SIZE
from mbusheadend.store import Store, StoreError
from mbusheadend.store.local import NO_KEYS, LocalKeys
from mbusio.files import remove_for_good

FOLDER: Final = "local"
AGAIN_SECONDS: Final = 60.0
"""After which it is tried again where the store or the disk did not let it."""
_CLIENT: Final = "client.pem"
_AUTHORITY: Final = "authority.pem"

_log = logging.getLogger(__name__)


async def keep_adopting(store: Store, state: Path) -> None:
    """Adopt all keys of a state folder, and try again until that is done."""
    was_well = True
    while True:
        try:
            await adopt_older(store, state)
            return
        except (StoreError, OSError) as error:
            if was_well:
                _log.error("keys of local masters in %s are not in the store yet: %s", state / FOLDER, error)
            was_well = False
        await asyncio.sleep(AGAIN_SECONDS)


async def adopt_older(store: Store, state: Path) -> None:
    """Bring all keys of a state folder into the store, and remove their files when they are there.

    What the store has already counts. Keys of masters that it never had stay: it may be another store than they belong to.
    Raise `StoreError`, `OSError`.
    """
    for folder in await asyncio.to_thread(_folders, state / FOLDER):
        keys = await asyncio.to_thread(_keys, folder)
        if await store.adopt_local_keys(folder.name, keys):
            await asyncio.to_thread(_remove, folder)
            if keys != NO_KEYS:
                _log.info("the keys of the local master %s are in the store now", folder.name)
        else:
            _log.warning("%s has keys of a local master that the store does not know: they stay", folder)


def _folders(parent: Path) -> list[Path]:
    return sorted(one for one in parent.iterdir() if one.is_dir()) if parent.is_dir() else []


def _keys(folder: Path) -> LocalKeys:
    return LocalKeys(_read(folder / _CLIENT), _read(folder / _AUTHORITY))


def _read(path: Path) -> bytes | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(MAX_SIZE)


def _remove(folder: Path) -> None:
    for name in (_CLIENT, _AUTHORITY):
        remove_for_good(folder / name)
    shutil.rmtree(folder)
