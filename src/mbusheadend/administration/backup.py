"""``mbusheadend backup``."""

import argparse

from mbusheadend.administration.passphrase import new_passphrase
from mbusheadend.backup import make_backup
from mbusheadend.errors import HeadEndError
from mbusheadend.settings import Settings
from mbusheadend.state import authority_of, stored_in, utc_now


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Make a backup. Raise `HeadEndError` or `StoreError`."""
    if settings.installation is not None:
        raise HeadEndError("a backup has the keys of the whole head-end: make it without --tenant")
    passphrase = new_passphrase() if options.passphrase else None
    async with stored_in(settings) as store:
        path = await make_backup(
            store,
            authority_of(settings.keys_folder),
            settings.state_folder,
            options.target,
            utc_now(),
            settings_file=options.settings_file,
            passphrase=passphrase,
        )
    print(path)
    if passphrase is None:
        print("It has the key of the authority in the clear, and no keys of meters: see --passphrase.")
