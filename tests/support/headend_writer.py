"""Delivers batches to a store for ever and says each one's number once it is acknowledged.

``python -m support.headend_writer STORE FIRST``
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

from mbusheadend.store.sqlite.store import SqliteStore
from support.headend_messages import SERIAL, START, batch, enrol, reading
from support.headend_meters import METER, OTHER, telegram

SIZE: Final = 20
"""Readings of a batch."""


async def deliver(path: Path, first: int) -> None:
    """Begin with a batch, which may be there already."""
    store = SqliteStore(path)
    if not await store.masters():
        await enrol(store)
    number = first
    while True:
        numbers = range(number * SIZE, (number + 1) * SIZE)
        readings = (
            reading(n + 1, str(METER if n % 2 else OTHER), frames(n), taken=START + timedelta(minutes=n))
            for n in numbers
        )
        receipt = await store.take(SERIAL, batch(*readings), START)
        assert len(receipt.stored) == SIZE
        print(number, flush=True)
        number += 1


def frames(number: int) -> list[bytes]:
    """Give the telegrams of a reading; now and then everything in them is new."""
    energy = number * 7919 % 2**31 if number % 400 < 200 else number
    meter = METER if number % 2 else OTHER
    return [] if number % 10 == 9 else [telegram(meter, energy, number % 256)]


if __name__ == "__main__":
    asyncio.run(deliver(Path(sys.argv[1]), int(sys.argv[2])))
