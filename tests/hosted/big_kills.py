"""Everything of a big installation is killed in turn, under load and over a bad network: nothing is lost or doubled.

``PYTHONPATH=tests python -m hosted.big_kills --kills 1000 --seed 7``

Masters are wanted to read all meters again and again, also while nothing works. In the end everything runs undisturbed until
nothing waits any more; then the store is compared with what the masters have on their disks.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from hosted.big_site import HEADS, PROXY, WRITER, Installation, installation
from hosted.big_truth import compare, delivered, interruptions, waiting
from mbusheadend.store import Assignment, CommandState, StoreError, UnknownError
from mbushosting.contact import Command, CommandKind
from mbushosting.schedules import Every, Schedule
from support.nats import NODES
from support.netfault import Way

PROCESSES: Final = 2
"""Of masters."""
MASTERS: Final = 4
"""In each of them."""
OPEN_COMMANDS: Final = 15
"""Of each master at a time."""
SHORTEST, LONGEST = 0.05, 5.0
"""Seconds from one kill to the next."""
LONGEST_DOWN: Final = 3.0
"""Seconds until what was killed is started again."""
SETTLE_SECONDS: Final = 150.0
WAYS: Final = (*[Way.OPEN] * 5, Way.CUT, Way.SLOW, Way.DEAF)
EVERY_MINUTE: Final = "every-minute"


class Victim(StrEnum):
    """What is killed."""

    HEAD = "head-end"
    WRITER = "writer"
    POSTGRES = "PostgreSQL"
    NODE = "NATS node"
    PROXY = "HAProxy"
    MASTERS = "masters"


@dataclass
class Figures:
    """What came of it.

    :ivar commands: that were given to each master; each is a reading of all its meters.
    :ivar readings: that masters have stored, and the store has.
    :ivar scheduled: those that a schedule wanted.
    :ivar ends: how often a program ended that nobody had killed, by its name.
    :ivar untaken: orders that the store did not take at first.
    :ivar interruption: the longest time for which a master that had something to deliver could not, in seconds.
    :ivar meanwhile: deliveries that were receipted while the store was away, after which `lag` messages waited for it.
    :ivar faults: what is wrong; empty is well.
    """

    kills: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    readings: int = 0
    scheduled: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    untaken: int = 0
    interruption: float = 0.0
    settled_within: float = 0.0
    meanwhile: int = 0
    lag: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


class Campaign:
    """Kills, and all that goes on meanwhile."""

    def __init__(self, site: Installation, seed: int, *, ways: Sequence[Way] = WAYS) -> None:
        self._ways = ways
        self.figures = Figures()
        self._site = site
        self._chance = random.Random(seed)
        self._victims = self._in_turn()
        self._away: dict[Victim, asyncio.Task[None]] = {}
        self._orders: deque[tuple[str, Command]] = deque()

    async def disturb(self, kills: int) -> None:
        """Kill one after the other, while the network is as it is and orders are given."""
        ordering = asyncio.create_task(self._keep_ordering())
        try:
            for _ in range(kills):
                for some in self._site.masters:
                    way = self._chance.choice(self._ways)
                    some.network.turn(way)
                    self.figures.ways[way.name.lower()] += 1
                await asyncio.sleep(self._chance.uniform(SHORTEST, LONGEST))
                victim = next(self._victims)
                self.figures.kills[victim] += 1
                await self._kill(victim)
        finally:
            ordering.cancel()
            with suppress(asyncio.CancelledError):
                await ordering
            await asyncio.gather(*self._away.values())

    async def outlast(self, seconds: float) -> None:
        """Let the store be away for long, and a head-end begin meanwhile, while masters go on with what they were given."""
        site = self._site
        await self._order()
        async with asyncio.timeout(SETTLE_SECONDS):
            for serial in site.serials:
                await self._sent(serial)
        await asyncio.to_thread(site.postgres.kill)
        began = time.monotonic()
        site.programs[HEADS[0]].kill()
        await site.until_well(HEADS[0])
        assert (await site.health(HEADS[0]) or {})["store"] is False
        await asyncio.sleep(max(0.0, seconds - (time.monotonic() - began)))
        self.figures.meanwhile = delivered((some.program.output for some in site.masters), began)
        self.figures.lag, _ = await site.backlog()
        await site.start_postgres()

    async def _sent(self, serial: str) -> None:
        """Return when a master has all that it was given."""
        while True:
            commands = await self._site.store.commands(serial, limit=1000)
            if not any(one.state is CommandState.WAITING for one in commands):
                return
            await asyncio.sleep(1.0)

    async def settle(self) -> None:
        """Wait until all is done, delivered and written."""
        began = time.monotonic()
        for some in self._site.masters:
            some.network.turn(Way.OPEN)
        async with asyncio.timeout(SETTLE_SECONDS):
            await self._persist(self._give)
            await self._persist(self._end_schedule)
        # Nobody waits for the end of a pause that a bad network has made long.
        for some in self._site.masters:
            some.program.kill()
        left = "nothing was asked"
        while time.monotonic() < began + SETTLE_SECONDS:
            await asyncio.sleep(1.0)
            left = await self._left()
            if not left:
                self.figures.settled_within = time.monotonic() - began
                return
        self.figures.faults.append(f"not settled: {left}")

    async def judge(self) -> None:
        """Compare, and take the figures."""
        figures, site = self.figures, self._site
        figures.readings, figures.scheduled, faults = await compare(site, figures.commands, EVERY_MINUTE)
        figures.faults += faults
        if site.stream is not None:
            _, dead = await site.backlog()
            figures.faults += [f"{dead} dead letters"] if dead else []
        figures.interruption = max(interruptions(some.program.output for some in site.masters), default=0.0)
        programs = {
            **site.programs,
            **{f"masters-{n}": some.program for n, some in enumerate(site.masters, 1)},
        }
        figures.ends = Counter({name: one.ends for name, one in programs.items() if one.ends})

    def _in_turn(self) -> Iterator[Victim]:
        """Give each kind once, in any order, and again."""
        among = [*Victim]
        if self._site.stream is None:
            among = [one for one in among if one not in (Victim.WRITER, Victim.NODE)]
        while True:
            yield from self._chance.sample(among, len(among))

    async def _kill(self, victim: Victim) -> None:
        down = self._chance.uniform(0.0, LONGEST_DOWN)
        site = self._site
        match victim:
            case Victim.HEAD:
                site.programs[self._chance.choice(HEADS)].kill(down)
            case Victim.WRITER:
                site.programs[WRITER].kill(down)
            case Victim.PROXY:
                site.programs[PROXY].kill(down)
            case Victim.MASTERS:
                self._chance.choice(site.masters).program.kill(down)
            case Victim.POSTGRES:
                await self._back(victim)
                await asyncio.to_thread(site.postgres.kill)
                self._away[victim] = asyncio.create_task(self._postgres_again(down))
            case Victim.NODE:
                await self._back(victim)
                number = self._chance.choice(NODES)
                assert site.stream is not None
                await asyncio.to_thread(site.stream.kill, number)
                self._away[victim] = asyncio.create_task(self._node_again(number, down))

    async def _back(self, victim: Victim) -> None:
        """Return when it is there again."""
        if victim in self._away:
            await self._away.pop(victim)

    async def _postgres_again(self, down: float) -> None:
        await asyncio.sleep(down)
        await self._site.start_postgres()

    async def _node_again(self, number: int, down: float) -> None:
        await asyncio.sleep(down)
        assert self._site.stream is not None
        self._site.stream.start(number)

    async def _keep_ordering(self) -> None:
        """Give all masters enough to do; what the store does not take is given again, as people and programs do."""
        await self._persist(self._put_schedule)
        while True:
            try:
                await self._order()
            except StoreError:
                self.figures.untaken += 1
            await asyncio.sleep(1.0)

    async def _order(self) -> None:
        """Give orders. Raise `StoreError`: then they may be there or not."""
        await self._give()
        for serial in self._site.serials:
            found = await self._site.store.commands(serial, limit=100)
            for _ in range(OPEN_COMMANDS - sum(one.state.is_open for one in found)):
                number = self.figures.commands[serial] = self.figures.commands[serial] + 1
                self._orders.append((serial, Command(id=f"{serial}-load-{number}", kind=CommandKind.READ)))
        await self._give()

    async def _give(self) -> None:
        while self._orders:
            serial, command = self._orders[0]
            await self._site.store.add_command(serial, command, datetime.now(UTC))
            self._orders.popleft()

    async def _put_schedule(self) -> None:
        schedule = Schedule(id=EVERY_MINUTE, rule=Every(minutes=1))
        await self._site.store.put_schedule(schedule, Assignment(everybody=True), datetime.now(UTC))

    async def _end_schedule(self) -> None:
        with suppress(UnknownError):
            await self._site.store.delete_schedule(EVERY_MINUTE)

    async def _persist(self, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await work()
            except StoreError:
                self.figures.untaken += 1
                await asyncio.sleep(1.0)
            else:
                return

    async def _left(self) -> str:
        """Say what is still to be done; empty is nothing."""
        site = self._site
        for serial in site.serials:
            commands = await site.store.commands(serial, limit=1000)
            if count := sum(one.state.is_open for one in commands):
                return f"{count} orders of {serial} are open"
            if count := await asyncio.to_thread(waiting, site.outboxes / serial):
                return f"{count} readings wait at {serial}"
        if site.stream is not None:
            lag, _ = await site.backlog()
            return f"{lag} messages are not written" if lag else ""
        return ""


async def play(
    folder: Path, kills: int, seed: int, *, with_stream: bool = True, ways: Sequence[Way] = WAYS
) -> Figures:
    """Disturb so many times, settle, compare.

    :param ways: of the network between masters and balancer, by chance.
    """
    began = time.monotonic()
    async with installation(folder, PROCESSES, MASTERS, with_stream=with_stream) as site:
        campaign = Campaign(site, seed, ways=ways)
        await campaign.disturb(kills)
        await campaign.settle()
        await campaign.judge()
    campaign.figures.seconds = time.monotonic() - began
    return campaign.figures


async def play_outage(folder: Path, seconds: float) -> Figures:
    """Let the store be away for so long, settle, compare."""
    async with installation(folder, 1, MASTERS, with_stream=True) as site:
        campaign = Campaign(site, 0)
        await campaign.outlast(seconds)
        await campaign.settle()
        await campaign.judge()
    return campaign.figures


def main() -> int:
    """Run it as often as is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-stream", action="store_true", help="head-ends write straight to the store")
    parser.add_argument("--good-network", action="store_true", help="between masters and balancer")
    parser.add_argument("--folder", type=Path, help="an empty one that stays, with all logs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as temporary:
        folder = options.folder or Path(temporary)
        ways = (Way.OPEN,) if options.good_network else WAYS
        campaign = play(folder, options.kills, options.seed, with_stream=not options.no_stream, ways=ways)
        figures = asyncio.run(campaign)
    for fault in figures.faults[:50]:
        print(fault)
    for name, value in vars(figures).items():
        if name != "faults":
            print(f"{name}: {dict(value) if isinstance(value, Counter) else round(value, 1)}")
    return 1 if figures.faults else 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
