"""``mbusheadend keys``."""

import argparse
import asyncio

from mbusheadend.administration.meters import read_file, told
from mbusheadend.errors import HeadEndError
from mbusheadend.keyfile import MAX_SIZE, import_keys, read_keys
from mbusheadend.settings import Settings
from mbusheadend.state import stored_in


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Store the keys of a file. Raise `HeadEndError` or `StoreError`."""
    found = await asyncio.to_thread(read_keys, read_file(options.file, MAX_SIZE))
    told(found.report)
    async with stored_in(settings) as store:
        outcome = await import_keys(store, found)
    for problem in outcome.problems:
        print(problem)
    print(f"{outcome.stored} keys stored; {outcome.changed} readings say more now than before")
    left = found.report.problem_count + len(outcome.problems)
    if left:
        raise HeadEndError(f"{left} lines were left out")
