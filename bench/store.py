"""The store of the head-end: how many telegrams a second it takes for good, and how many bytes each costs (DESIGN 6, 5.9).

Meters of one layout with 15 records, read hourly, delivered in batches of 250, one master after the other; each batch is on the
disk (synchronous=FULL) before the next one begins.
"""

import asyncio
import contextlib
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from bench.effort import Effort
from bench.figure import Figure
from mbus.addressing import SecondaryAddress
from mbus.link.frames import LongFrame
from mbusheadend.store.sqlite.store import SqliteStore
from mbushosting.readings import Batch, Outcome, Reading

MASTERS: Final = 2
METERS: Final = 250
HOURS: Final = 24 * 9
RECORDS: Final = 15
START: Final = datetime(2026, 1, 1, tzinfo=UTC)


class SimulatedMeter:
    """Heat meter whose counters, temperatures and clock move from hour to hour."""

    def __init__(self, number: int, random: Random, start: datetime = START) -> None:
        self._start = start
        self.address = SecondaryAddress(f"{number:08d}", 0x2C2D, 0x19, 0x04)
        self._random = random
        self._count = random.randrange(256)
        self._energy = random.randrange(10**6)
        self._volume = random.randrange(10**6)
        self._hours = random.randrange(40000)
        self._monthly = (random.randrange(10**6), random.randrange(10**6))

    def frame(self, hour: int) -> bytes:
        """Give the telegram of an hour: 15 records, 4 of them BCD, 2 of them dates."""
        rng = self._random
        self._count = (self._count + 1) % 256
        self._energy += rng.randrange(40)
        self._volume += rng.randrange(900)
        self._hours += 1
        when = self._start + timedelta(hours=hour)
        moment = bytes(
            (
                when.minute,
                when.hour,
                when.day | (when.year % 100 & 7) << 5,
                when.month | (when.year % 100 >> 3) << 4,
            )
        )
        records = (
            b"\x04\x06" + self._energy.to_bytes(4, "little"),
            b"\x04\x13" + self._volume.to_bytes(4, "little"),
            b"\x04\xff\x07" + (self._energy * 17).to_bytes(4, "little"),
            b"\x04\xff\x08" + (self._energy * 9).to_bytes(4, "little"),
            b"\x0c\x78" + bytes.fromhex(self.address.identification)[::-1],
            b"\x02\x59" + rng.randrange(6000, 9000).to_bytes(2, "little"),
            b"\x02\x5d" + rng.randrange(3000, 5000).to_bytes(2, "little"),
            b"\x02\x61" + rng.randrange(1000, 4000).to_bytes(2, "little"),
            b"\x04\x2d" + rng.randrange(4000).to_bytes(4, "little"),
            b"\x04\x3b" + rng.randrange(2000).to_bytes(4, "little"),
            b"\x04\x22" + self._hours.to_bytes(4, "little"),
            b"\x04\x6d" + moment,
            b"\x44\x06" + self._monthly[0].to_bytes(4, "little"),
            b"\x44\x13" + self._monthly[1].to_bytes(4, "little"),
            b"\x42\x6c" + bytes((0x41, 0x31)),
        )
        header = self.address.to_bytes() + bytes((self._count, 0, 0, 0))
        return LongFrame(0x08, 0xFD, 0x72, header + b"".join(records)).to_bytes()


def batches(
    hours: int, seed: int = 1, *, masters: int = MASTERS, start: datetime = START
) -> Iterator[tuple[str, Batch, datetime]]:
    """Give what masters deliver, hour by hour."""
    random = Random(seed)
    meters = {
        f"M{m}": [SimulatedMeter(m * METERS + i, random, start) for i in range(METERS)]
        for m in range(masters)
    }
    count = 0
    for hour in range(hours):
        slot = start + timedelta(hours=hour)
        for serial, fleet in meters.items():
            readings = []
            for place, meter in enumerate(fleet):
                count += 1
                taken = slot + timedelta(milliseconds=place * 700 + random.randrange(700))
                # Ids rise with time, as those of the master do.
                id = f"{int(taken.timestamp() * 1000):012x}{random.getrandbits(80):020x}"
                readings.append(
                    Reading.model_construct(
                        id=id,
                        bus="main",
                        meter=str(meter.address),
                        schedule="hourly",
                        slot=slot,
                        taken=taken,
                        clock="good",
                        outcome=Outcome.OK,
                        attempts=1,
                        baud=2400,
                        telegrams=(meter.frame(hour),),
                        remark="",
                    )
                )
            yield (
                serial,
                Batch.model_construct(serial_number=serial, readings=tuple(readings)),
                slot + timedelta(minutes=5),
            )


async def fill(path: Path, hours: int) -> tuple[int, float]:
    """Store batches; give telegrams and the seconds that storing took."""
    store = SqliteStore(path)
    count, seconds = 0, 0.0
    try:
        for number in range(MASTERS):
            await store.add_token(bytes((number,)), START + timedelta(days=1), "", START)
            await store.use_token(bytes((number,)), f"M{number}", START)
        for serial, batch, received in batches(hours):
            began = time.perf_counter()
            receipt = await store.take(serial, batch, received)
            seconds += time.perf_counter() - began
            count += len(receipt.stored)
    finally:
        store.close()
    return count, seconds


def size(path: Path) -> int:
    """Give the bytes of the file with the log in it."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return os.stat(path).st_size


def measure(hours: int = HOURS) -> dict[str, float]:
    """Give telegrams per second, and bytes per telegram as the file grew and after VACUUM; the empty file is taken off."""
    with tempfile.TemporaryDirectory() as folder:
        empty, path = Path(folder) / "empty.db", Path(folder) / "store.db"
        SqliteStore(empty).close()
        count, seconds = asyncio.run(fill(path, hours))
        grown = size(path)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("VACUUM")
        return {
            "telegrams": count,
            "per_second": count / seconds,
            "bytes_grown": (grown - size(empty)) / count,
            "bytes_packed": (size(path) - size(empty)) / count,
        }


def figures(effort: Effort = Effort.FULL) -> list[Figure]:
    """Return the rows of this table."""
    found = measure(effort.pick(HOURS, HOURS // 8, 1))
    how = f"{found['telegrams']:.0f} telegrams with {RECORDS} records, indexes included"
    return [
        Figure(
            "telegrams a second taken for good",
            found["per_second"],
            7000,
            f"batches of {METERS}, one process",
            True,
        ),
        Figure("bytes a telegram, as the file grew", found["bytes_grown"], 300, how),
        Figure("bytes a telegram, after VACUUM", found["bytes_packed"], 300, how),
    ]


if __name__ == "__main__":
    for name, figure in measure().items():
        print(f"{name:20} {figure:12,.1f}")
