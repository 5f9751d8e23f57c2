"""Stores readings and hands them over as fast as it can, until it is killed; or, with no first number, hands over what is left.

``python -m support.outbox_writer FOLDER [FIRST]`` writes ``stored NUMBER ID`` when a reading is on the disk, and ``sent NUMBER
ID`` when the head-end has got it, before the outbox learns of that.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from mbushosting.readings import Receipt
from mbusmaster.hosting.alarms import Alarms
from mbusmaster.hosting.database import FILE_NAME, Database
from mbusmaster.hosting.outbox import Outbox
from support.hosting import PLENTY, taken


def say(*words: object) -> None:
    """Write one line at once."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def hand_over(outbox: Outbox) -> None:
    """Send what waits, once."""
    parcel = await outbox.parcel(20)
    for reading in parcel.readings:
        say("sent", int.from_bytes(reading.telegrams[0][7:11], "little"), reading.id)
    await outbox.settle(parcel, Receipt(stored=tuple(parcel.numbers)))


async def main(folder: Path, first: int | None) -> None:
    """Work until killed, or until nothing is left."""
    database = await Database.open(folder / FILE_NAME, clock=lambda: datetime.now(UTC))
    outbox = Outbox(database, Alarms(), most_bytes=PLENTY)
    await outbox.open()
    say("ready")
    number = first
    while number is not None:
        say("stored", number, await outbox.store(taken(number)))
        number += 1
        if number % 7 == 0:
            await hand_over(outbox)
    while outbox.waiting:
        await hand_over(outbox)
    await database.close()


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None))
