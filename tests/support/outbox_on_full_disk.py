"""Stores readings on a small disk that somebody else fills, and prints what became of them as one JSON line.

``python -m support.outbox_on_full_disk FOLDER``: the folder is a file system of its own, of a few MiB.
"""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from mbushosting.readings import Receipt
from mbusmaster.hosting.alarms import Alarms
from mbusmaster.hosting.database import FILE_NAME, Database
from mbusmaster.hosting.outbox import Outbox
from support.hosting import PLENTY, taken


def fill(file: Path) -> None:
    """Leave no byte free."""
    with file.open("wb", buffering=0) as out:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    out.write(bytes(size))
            except OSError:
                continue


async def main(folder: Path) -> None:
    """Store, deliver, fill, store more, deliver that."""
    database, alarms = await Database.open(folder / FILE_NAME, clock=lambda: datetime.now(UTC)), Alarms()
    outbox = Outbox(database, alarms, most_bytes=PLENTY)
    await outbox.open()

    async def deliver() -> list[str]:
        ids: list[str] = []
        while (parcel := await outbox.parcel()).readings:
            ids += [reading.id for reading in parcel.readings]
            await outbox.settle(parcel, Receipt(stored=tuple(parcel.numbers)))
        return ids

    old = [await outbox.store(taken(number)) for number in range(600)]
    delivered = await deliver()
    fill(folder / "other")
    new = [await outbox.store(taken(number)) for number in range(1000, 1400)]
    texts = [str(text) for text in alarms.texts]
    dropped = (await outbox.report()).dropped
    os.truncate(folder / "other", 0)
    late = await deliver()
    more = [await outbox.store(taken(number)) for number in range(2000, 2150)]
    print(
        json.dumps(
            {
                "old": delivered == old,
                "new": late == new,
                "more": await deliver() == more,
                "dropped": dropped,
                "alarms": texts,
                "after": [str(text) for text in alarms.texts],
            }
        )
    )
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
