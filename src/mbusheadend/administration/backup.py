"""``mbusheadend backup``."""

import argparse

from mbusheadend.administration.passphrase import new_passphrase
from mbusheadend.backup import make_backup
from mbusheadend.settings import Settings
from mbusheadend.state import authority_of, stored_in, utc_now


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Make a backup. Raise `HeadEndError` or `StoreError`."""
    passphrase = new_passphrase() if options.passphrase else None
    async with stored_in(settings) as store:
        path = await make_backup(
            store,
            authority_of(settings.state_folder),
            settings.state_folder,
            options.target,
            utc_now(),
            settings_file=options.settings_file,
            passphrase=passphrase,
        )
    print(path)
    if passphrase is None:
        print("It has the key of the authority in the clear, and no keys of meters: see --passphrase.")
