"""A scanner of meters on a simulated bus."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mbus.addressing import SecondaryAddress
from mbusmaster.meterlist import (
    JobState,
    MeterList,
    Mode,
    Progress,
    Scanner,
    Status,
)
from mbussim.bus import Bus, Collisions
from mbussim.faults import Fault
from mbussim.meter import Meter, PlainMeter, Traits, plain_meters
from mbussim.population import population
from support.simulated import SimulatedEngine, clock, simulated_engine

TRAITS = Traits(delay=0.012, jitter=0.004)


@dataclass
class Bench:
    """A scanner on a simulated bus."""

    bus: Bus
    sim: SimulatedEngine
    meters: MeterList
    scanner: Scanner

    async def scan(self, mode: Mode = Mode.SECONDARY, baud: int = 2400, **options: Any) -> Progress:
        job = self.scanner.start("main", baud=baud, mode=mode, **options)
        progress = await job.wait()
        assert progress.state is not JobState.FAILED, progress.why
        return progress

    def statuses(self) -> dict[str, Status]:
        return {row.address: row.status for row in self.meters.meters()}


@asynccontextmanager
async def bench(meters: Iterable[Meter], folder: Path, **settings: Any) -> AsyncIterator[Bench]:
    bus = Bus.of(meters, seed=1, collisions=settings.pop("collisions", Collisions.GARBLED))
    async with simulated_engine(bus, **settings) as sim:
        listed = MeterList(folder / "meters.db", clock=clock)
        scanner = Scanner([sim.engine], listed, clock=clock)
        try:
            yield Bench(bus, sim, listed, scanner)
        finally:
            await scanner.close()
            listed.close()


def building(count: int, ids: str = "mixed") -> list[PlainMeter]:
    return plain_meters(population(count, ids, 1), traits=TRAITS, reply_bytes=40)


def meter(primary: int, identification: str, **traits: Any) -> PlainMeter:
    address = SecondaryAddress(identification, 0x2C2D, 0x35, 0x04)
    return PlainMeter(primary, address, 40, replace(TRAITS, **traits))


def address(identification: str) -> str:
    return f"{identification}2D2C3504"


def fault(bus: Bus, text: str) -> None:
    disturbance = Fault.from_text(text).disturbance()
    assert disturbance is not None
    bus.disturbances.append(disturbance)
