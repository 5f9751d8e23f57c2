"""A bus of strict meters in memory, with an engine at work, for channels to be put in front."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from mbus.link.decoder import StreamDecoder
from mbus.link.frames import LongFrame, ShortFrame
from mbusio.errors import TransportClosedError
from mbusio.transport import MemoryTransport, Transport, memory_pair
from mbusmaster.bus.engine import BusEngine
from mbusmaster.settings import BusSettings
from support.sharedbus import StrictMeter


@dataclass
class ServedBus:
    """What a test may look at.

    :ivar heard: the frames that the bus has seen, each with its rate.
    :ivar answers: whether meters answer; cleared, their answers wait.
    :ivar asked: set with every frame.
    """

    engine: BusEngine
    heard: list[tuple[int, bytes]] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def frames(self) -> list[bytes]:
        return [frame for _, frame in self.heard]

    @property
    def rates(self) -> list[int]:
        return [rate for rate, _ in self.heard]


@asynccontextmanager
async def served_bus(
    meters: Sequence[StrictMeter], allowance: float = 0.0, **settings: Any
) -> AsyncIterator[ServedBus]:
    """Run the engine of a bus, at 19200 baud by default."""
    bus = BusSettings.model_validate({"default_baud": 19200, **settings})
    near, far = memory_pair(baud=bus.default_baud)
    near.allowance = allowance

    async def open_memory(_: BusSettings) -> Transport:
        return near

    engine = BusEngine(bus, open_transport=open_memory)
    this = ServedBus(engine)
    this.answers.set()
    tasks = [asyncio.create_task(engine.run()), asyncio.create_task(_meters(this, near, far, meters))]
    try:
        await engine.tried.wait()
        yield this
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _meters(
    this: ServedBus, near: MemoryTransport, far: MemoryTransport, meters: Sequence[StrictMeter]
) -> None:
    decoder = StreamDecoder()
    with suppress(TransportClosedError):
        while True:
            for frame in decoder.feed(await far.read()):
                assert isinstance(frame, ShortFrame | LongFrame), "the gateway sends frames only"
                this.heard.append((near.baud, frame.to_bytes()))
                this.asked.set()
                await this.answers.wait()
                for meter in meters:
                    await far.write(meter.hear(frame))


async def until(changed: asyncio.Event, condition: Any) -> None:
    """Wait for a condition that can only become true with an event."""
    async with asyncio.timeout(10):
        while not condition():
            changed.clear()
            await changed.wait()
