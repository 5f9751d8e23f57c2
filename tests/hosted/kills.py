"""Gateway and head-end are killed at random moments under load, and the network between them is bad: nothing is lost or doubled.

``PYTHONPATH=tests python -m hosted.kills --kills 1000 --seed 7``

A bus of simulated meters is tapped, so that every answer of a meter is known. The head-end wants all meters read again and again.
In the end everything runs undisturbed until nothing waits any more; then the head-end's store is compared with the gateway's
own file and with what the meters have sent.
"""

import argparse
import asyncio
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbus.link.decoder import StreamDecoder
from mbus.link.frames import LongFrame
from mbusheadend.store import Store
from mbushosting.contact import Command, CommandKind
from mbushosting.readings import Outcome
from mbusmaster.hosting.credentials import FOLDER
from mbusmaster.hosting.database import FILE_NAME
from mbusmaster.hosting.enrolment import enrol
from mbusmaster.settings import Settings
from mbusmaster.settings import Store as SettingsFile
from support.headend_process import HeadEndProcess
from support.netfault import Line, Way, line_to
from support.site import SERIAL, list_meters
from support.system import running

METERS: Final = 8
OPEN_COMMANDS: Final = 40
"""At a time: what the gateway has to do."""
LONGEST_LIFE: Final = 2.4
"""Seconds for which a program may live until it is killed; starting takes about one of them."""
SETTLE_SECONDS: Final = 90.0
SMALL: Final = "6m"
FAR: Final = datetime(2100, 1, 1, tzinfo=UTC)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Figures:
    """What came of it.

    :ivar commands: that the head-end has given; each is a reading of every meter.
    :ivar answers: telegrams that meters have sent.
    :ivar readings: that the head-end has.
    :ivar dropped: that the gateway says it has given up, for lack of room.
    :ivar fills: how often the gateway's disk was filled to the last byte.
    :ivar faults: what is wrong; empty is well.
    """

    kills: Counter[str] = field(default_factory=Counter)
    commands: int = 0
    answers: int = 0
    readings: int = 0
    lost_bytes: int = 0
    dropped: int = 0
    fills: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


class Gateway:
    """The gateway as a process that is started and killed."""

    def __init__(self, folder: Path, bus: int) -> None:
        self.state = folder / "state"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        settings = {
            "state_folder": str(self.state),
            "device": {"serial_number": SERIAL},
            "buses": [{"name": "main", "url": f"tcp://127.0.0.1:{bus}"}],
            "hosting": {"enabled": True},
            "web": {"enabled": False},
            "channels": {
                "discovery": False,
                "secured_tcp": {"enabled": False},
                "serial_port": {"link": str(folder / "serial")},
            },
        }
        SettingsFile(folder / "master.toml").save(Settings.model_validate(settings))
        self.state.mkdir()

    def start(self) -> None:
        command = [sys.executable, "-m", "mbusmaster", "run", "--config", str(self._folder / "master.toml")]
        with (self._folder / "gateway.log").open("a") as log:
            self._process = subprocess.Popen(command, stderr=log)

    def kill(self) -> None:
        if self._process is not None:
            assert self._process.poll() is None, (self._folder / "gateway.log").read_text()[-2000:]
            self._process.kill()
            self._process.wait()
            self._process = None


@dataclass
class Scene:
    """All of it.

    :ivar sent: what the meters have sent.
    :ivar small_disk: the gateway's state is on a small disk, which is filled now and then.
    """

    head_end: HeadEndProcess
    gateway: Gateway
    network: Line
    store: Store
    sent: Counter[bytes]
    chance: random.Random
    small_disk: bool = False
    figures: Figures = field(default_factory=Figures)

    async def disturb(self, kills: int) -> None:
        """Kill one or the other, again and again, while the network is as it is."""
        for _ in range(kills):
            self.network.turn(self.chance.choice([Way.OPEN, Way.OPEN, Way.OPEN, Way.CUT, Way.SLOW, Way.DEAF]))
            if self.small_disk:
                await asyncio.to_thread(self._fill, full=self.chance.random() < 0.4)
            await self.order()
            await asyncio.sleep(self.chance.uniform(0.05, LONGEST_LIFE))
            if self.chance.random() < 0.5:
                self.gateway.kill()
                self.gateway.start()
                self.figures.kills["gateway"] += 1
            else:
                await asyncio.to_thread(self._head_end_again)
                self.figures.kills["head-end"] += 1

    async def order(self) -> None:
        """Give the gateway enough to do."""
        open_ones = sum(one.state.is_open for one in await self.store.commands(SERIAL))
        for _ in range(OPEN_COMMANDS - open_ones):
            self.figures.commands += 1
            command = Command(id=f"load-{self.figures.commands}", kind=CommandKind.READ)
            await self.store.add_command(SERIAL, command, datetime.now(UTC))

    async def settle(self) -> None:
        """Wait until all is done and delivered."""
        self.network.turn(Way.OPEN)
        if self.small_disk:
            await asyncio.to_thread(self._fill, full=False)
        # Nobody waits for the end of a pause that a bad network has made long.
        self.gateway.kill()
        self.gateway.start()
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until:
            await asyncio.sleep(0.5)
            commands = await self.store.commands(SERIAL, limit=100_000)
            master = await self.store.master(SERIAL)
            waiting = None if master.contact is None else master.contact.outbox.waiting
            if not any(one.state.is_open for one in commands) and await asyncio.to_thread(self._left) == 0:
                return
        self.figures.faults.append(f"not settled: {waiting} readings wait, or commands are open")

    async def compare(self) -> None:
        """Find what is lost, doubled, or never was."""
        figures = self.figures
        there = [one async for one in _readings(self.store)]
        here = await asyncio.to_thread(self._own_readings)
        figures.dropped = await asyncio.to_thread(self._dropped)
        figures.readings, figures.answers = len(there), self.sent.total()
        ids = Counter(id for id, *_ in there)
        figures.faults += [f"{id} is there {count} times" for id, count in ids.items() if count > 1]
        figures.faults += [f"{id} is at the gateway only" for id in sorted(here - ids.keys())]
        if not self.small_disk:
            # Else history may have been given up.
            figures.faults += [f"{id} is at the head-end only" for id in sorted(ids.keys() - here)]
        wanted = Counter((schedule, meter) for _, schedule, meter, _, _ in there)
        meters = {meter for _, meter in wanted}
        if len(meters) != METERS:
            figures.faults.append(f"{len(meters)} of {METERS} meters have readings")
        missing = 0
        for number in range(1, figures.commands + 1):
            for meter in meters:
                count = wanted[f"load-{number}", meter]
                if count > 1:
                    figures.faults.append(f"load-{number} of {meter}: {count} readings")
                missing += count == 0
        # One that was given up may have arrived, and its receipt have been lost.
        if missing > figures.dropped:
            figures.faults.append(
                f"{missing} readings are missing, {figures.dropped} are said to be given up"
            )
        figures.faults += [f"{id}: {outcome}" for id, _, _, outcome, _ in there if outcome is not Outcome.OK]
        used = Counter(telegram for *_, telegrams in there for telegram in telegrams)
        figures.faults += [f"never sent: {frame.hex()}" for frame in (used - self.sent)]

    def _head_end_again(self) -> None:
        self.head_end.kill()
        self.head_end.start()

    def _fill(self, *, full: bool) -> None:
        filler = self.gateway.state / "filler"
        filler.unlink(missing_ok=True)
        if not full:
            return
        self.figures.fills += 1
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)) == 4096:
                continue

    def _dropped(self) -> int:
        with sqlite3.connect(f"file:{self.gateway.state / FILE_NAME}?mode=ro", uri=True) as file:
            row = file.execute("SELECT value FROM fact WHERE name = 'dropped'").fetchone()
        file.close()
        return 0 if row is None else int(row[0])

    def _left(self) -> int:
        with sqlite3.connect(f"file:{self.gateway.state / FILE_NAME}?mode=ro", uri=True) as file:
            (count,) = file.execute("SELECT count(*) FROM reading WHERE state = 0").fetchone()
        file.close()
        return int(count)

    def _own_readings(self) -> set[str]:
        with sqlite3.connect(f"file:{self.gateway.state / FILE_NAME}?mode=ro", uri=True) as file:
            ids = {id.hex() for (id,) in file.execute("SELECT id FROM reading")}
        file.close()
        return ids


async def _readings(store: Store) -> AsyncIterator[tuple[str, str, int, Outcome, tuple[bytes, ...]]]:
    for meter in await store.meters():
        after = None
        while True:
            page = await store.readings(meter.id, EPOCH, FAR, after=after, limit=1000)
            for one in page.readings:
                yield one.id, one.schedule, one.meter, one.outcome, one.telegrams or ()
            after = page.after
            if after is None:
                break


@asynccontextmanager
async def scene(folder: Path, seed: int, *, small_disk: bool = False) -> AsyncIterator[Scene]:
    """Put everything together in an empty folder; the gateway is enrolled and runs.

    :param small_disk: mount one for the gateway; only in a mount namespace of one's own.
    """
    sent: Counter[bytes] = Counter()
    decoder = StreamDecoder()

    def heard(data: bytes) -> None:
        sent.update(one.to_bytes() for one in decoder.feed(data) if isinstance(one, LongFrame))

    arguments = [
        "--meters",
        str(METERS),
        "--tcp",
        "127.0.0.1:0",
        "--control",
        "127.0.0.1:0",
        "--speed",
        "fast",
    ]
    async with AsyncExitStack() as stack:
        simulator = stack.enter_context(running("mbussim", "serve", *arguments))
        bus = await stack.enter_async_context(line_to(_port(simulator.offers["tcp"]), heard))
        head_end = HeadEndProcess(folder)
        stack.callback(head_end.kill)
        await asyncio.to_thread(head_end.start)
        network = await stack.enter_async_context(line_to(head_end.port))
        gateway = Gateway(folder, bus.port)
        if small_disk:
            mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(gateway.state)]
            await asyncio.to_thread(subprocess.run, mount, check=True)
            stack.callback(subprocess.run, ["umount", str(gateway.state)], check=True)
        stack.callback(gateway.kill)
        list_meters(gateway.state, simulator.offers["meters"])
        token = await asyncio.to_thread(head_end.token)
        url = f"https://127.0.0.1:{network.port}"
        await asyncio.to_thread(enrol, url, token, SERIAL, gateway.state / FOLDER)
        gateway.start()
        store = stack.enter_context(head_end.store())
        yield Scene(head_end, gateway, network, store, sent, random.Random(seed), small_disk)


def _port(place: str) -> int:
    return int(place.rpartition(":")[2])


async def play(folder: Path, kills: int, seed: int, *, small_disk: bool = False) -> Figures:
    """Disturb so many times, settle, compare."""
    began = time.monotonic()
    async with scene(folder, seed, small_disk=small_disk) as this:
        await this.disturb(kills)
        await this.settle()
        await this.compare()
        this.figures.lost_bytes = this.network.lost
        this.figures.seconds = time.monotonic() - began
        return this.figures


def main() -> int:
    """Run it as often as is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--small-disk", action="store_true", help="run it below `unshare --mount`")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        figures = asyncio.run(play(Path(folder), options.kills, options.seed, small_disk=options.small_disk))
    for fault in figures.faults[:50]:
        print(fault)
    print(
        figures.kills,
        {
            name: getattr(figures, name)
            for name in ("commands", "answers", "readings", "lost_bytes", "dropped", "fills", "seconds")
        },
    )
    return 1 if figures.faults else 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
