"""``mbusheadend restore``."""

import argparse
import asyncio

from mbusheadend.administration.passphrase import passphrase_for
from mbusheadend.backup import restore
from mbusheadend.errors import HeadEndError
from mbusheadend.settings import Settings
from mbusheadend.state import KEY_FILE, stored_in


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Bring a backup back, and say what that means. Raise `HeadEndError` or `StoreError`."""
    state = settings.state_folder
    if settings.store is not None:
        raise HeadEndError(
            "a store on PostgreSQL is brought back by PostgreSQL's own tools: see docs/head-end-postgresql.md"
        )
    done = await asyncio.to_thread(restore, options.file, state, lambda: passphrase_for(options.file))
    made_at = f"{done.manifest.made_at:%Y-%m-%d %H:%M} UTC"
    print(f"{state} is as it was at {made_at}.")
    async with stored_in(settings) as store:
        masters = await store.masters()
        keys = await store.closed_keys()
    print(
        f"{len(masters)} masters will go on delivering; what came after the backup is a gap that their histories fill."
    )
    print("What was revoked after the backup is trusted again: revoke it anew (mbusheadend revoke SERIAL).")
    print("Tokens that were used after the backup can be used again until they expire: delete them.")
    print(
        "A master that was taken in, or taken in again, after the backup needs a new token (mbusheadend token)."
    )
    if keys:
        print(
            f"The backup has no key file for the keys of {keys} meters: put the old one at {state / KEY_FILE}, "
            "or import the keys again."
        )
    if done.settings is not None:
        print(f"The settings of then are in {done.settings}; they are not in force.")
