"""``mbusheadend time-config``."""

import argparse
import asyncio

from mbusheadend.errors import HeadEndError
from mbusheadend.settings import Settings
from mbusheadend.state import utc_now
from mbusheadend.timeservice import chrony_config
from mbusio.files import EVERYBODY_READS, write_atomically


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Write the configuration. Raise `HeadEndError`."""
    text = chrony_config(tuple(options.name), options.cert, options.key, utc_now(), tuple(options.upstream))
    if options.output is None:
        print(text, end="")
        return
    try:
        await asyncio.to_thread(write_atomically, options.output, text.encode(), EVERYBODY_READS)
    except OSError as error:
        raise HeadEndError(f"cannot write {options.output}: {error.strerror or error}") from error
