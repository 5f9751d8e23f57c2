"""Hosted reading's rounds on simulated buses, in virtual time, with everything behind them real."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mbushosting.readings import Reading, Receipt
from mbushosting.schedules import Calendar, Every, Schedule
from mbusmaster.hosting.alarms import Alarms
from mbusmaster.hosting.commands import Commands
from mbusmaster.hosting.meters import Memory
from mbusmaster.hosting.orders import Orders
from mbusmaster.hosting.outbox import Outbox
from mbusmaster.hosting.reader import Subject
from mbusmaster.hosting.rounds import Rounds
from mbussim.bus import Bus
from mbussim.meter import Meter
from support import simulated
from support.fastbus import fast_engine
from support.hosting import PLENTY, opened
from support.simulated import SimulatedEngine, simulated_engine


def subject(meter: Meter, bus: str = "main", *, by_primary: bool = False) -> Subject:
    """Name a meter as the list does."""
    if by_primary or meter.secondary is None:
        return Subject(bus, str(meter.primary), None, meter.primary)
    return Subject(bus, str(meter.secondary), meter.secondary, meter.primary)


def hourly(id: str = "hourly", minutes: int = 60, **more: Any) -> Schedule:
    """Give a schedule that wants everybody."""
    return Schedule(id=id, rule=Every(minutes=minutes), **more)


def daily(id: str = "daily", *times: int, zone: str = "UTC", **more: Any) -> Schedule:
    """Give a schedule of times of day, in minutes."""
    return Schedule(id=id, rule=Calendar(zone=zone, times=times), **more)


@dataclass
class Site:
    """A master's rounds and all that is behind them.

    :ivar listed: the meter list.
    :ivar shift: to be added to the time of day.
    """

    sims: list[SimulatedEngine]
    orders: Orders
    commands: Commands
    outbox: Outbox
    memory: Memory
    alarms: Alarms
    listed: list[Subject]
    clock: "Clock"
    rounds: Rounds

    async def order(self, *schedules: Schedule) -> None:
        """Put schedules in force."""
        await self.orders.take(self.orders.version + 1, schedules, self.clock())
        self.rounds.look()

    async def delivered(self) -> list[Reading]:
        """Take what waits, as a head-end does."""
        found: list[Reading] = []
        while (parcel := await self.outbox.parcel()).readings:
            found += parcel.readings
            await self.outbox.settle(parcel, Receipt(stored=tuple(parcel.numbers)))
        return found

    async def until(self, moment: datetime) -> None:
        """Let the time pass."""
        await asyncio.sleep(max(0.0, (moment - self.clock()).total_seconds()))


class Clock:
    """The time of day, which can be set; `shift` is how far it is ahead."""

    def __init__(self) -> None:
        self.shift = 0.0

    def __call__(self) -> datetime:
        return simulated.clock() + timedelta(seconds=self.shift)


@asynccontextmanager
async def site(
    folder: Path,
    buses: Sequence[Bus],
    *,
    listed: Iterable[Subject] | None = None,
    clock: Clock | None = None,
    quality: Callable[[], str] = lambda: "synchronised",
    fast: bool = False,
    **settings: Any,
) -> AsyncIterator[Site]:
    """Let rounds work on buses until the block ends; the file in the folder stays.

    :param fast: as `support.fastbus` has it; there are no `sims` then.
    """
    async with AsyncExitStack() as stack:
        clock = clock or Clock()
        names = ["main", *(f"bus{number}" for number in range(2, len(buses) + 1))]
        sims, engines = [], []
        for name, bus in zip(names, buses, strict=True):
            if fast:
                engines.append(await stack.enter_async_context(fast_engine(bus, name=name, **settings)))
            else:
                sims.append(await stack.enter_async_context(simulated_engine(bus, name=name, **settings)))
                engines.append(sims[-1].engine)
        database, alarms = await opened(folder, clock), Alarms()
        stack.push_async_callback(database.close)
        orders, commands = Orders(database, alarms), Commands(database)
        outbox, memory = Outbox(database, alarms, most_bytes=PLENTY), Memory(database)
        for part in (orders, commands, outbox, memory):
            await part.open()
        who = [subject(meter, name) for name, bus in zip(names, buses, strict=True) for meter in bus.meters]
        members = list(who if listed is None else listed)
        rounds = Rounds(
            engines,
            orders,
            commands,
            outbox,
            memory,
            alarms,
            meters=lambda: members,
            clock=clock,
            quality=quality,
        )
        working = asyncio.create_task(rounds.run())
        try:
            yield Site(sims, orders, commands, outbox, memory, alarms, members, clock, rounds)
        finally:
            rounds.end()
            await working
