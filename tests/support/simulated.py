"""The gateway's bus engine on the simulator's wire, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mbus.link.timing import characters
from mbusio.errors import TransportClosedError, TransportOpenError
from mbusio.transport import Transport
from mbusmaster.bus.engine import BusEngine
from mbusmaster.settings import BusSettings
from mbussim.bus import Bus

GRAIN = 0.04
"""Seconds over which characters are gathered: less than the pause that ends an answer."""
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def clock() -> datetime:
    """Give a time of day that goes with the loop's clock."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


class SimulatedTransport(Transport):
    """A converter without any delay in front of a simulated bus."""

    allowance = 0.0

    def __init__(self, bus: Bus, baud: int) -> None:
        super().__init__("simulated", baud)
        self.bus = bus
        self._closed = False
        self._changed = asyncio.Event()
        self._read_until = float("-inf")

    async def write(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise TransportClosedError("the adapter was pulled out")
        end = self.bus.transmit(data, loop.time(), self.baud)
        self._changed.set()
        await asyncio.sleep(end - loop.time())

    async def read(self) -> bytes:
        loop = asyncio.get_running_loop()
        while not self._closed:
            self._changed.clear()
            span = self.bus.next_span()
            wait: float | None = None
            if span is not None:
                first, last = span
                goes_on = first - self._read_until < 1.5 * characters(1, self.baud)
                due = min(last, first + GRAIN) if goes_on else first
                wait = max(0.0, due - loop.time())
            if wait == 0.0:
                assert span is not None
                self._read_until = loop.time()
                pieces = self.bus.receive(loop.time() + 1e-9)
                if data := b"".join(piece.data for piece in pieces):
                    return data
                wait = 1e-6
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()
        raise TransportClosedError("the adapter was pulled out")

    async def close(self) -> None:
        self._closed = True
        self._changed.set()


@dataclass
class SimulatedEngine:
    """An engine at work.

    :ivar transport: what it uses now.
    :ivar plugged: whether there is a converter to open.
    """

    bus: Bus
    engine: BusEngine = field(init=False)
    transport: SimulatedTransport = field(init=False)
    plugged: bool = True

    async def open(self, settings: BusSettings) -> Transport:
        if not self.plugged:
            raise TransportOpenError("no such device")
        self.transport = SimulatedTransport(self.bus, settings.default_baud)
        return self.transport

    async def pull_out(self) -> None:
        """Take the converter away."""
        self.plugged = False
        await self.transport.close()


@asynccontextmanager
async def simulated_engine(bus: Bus, **settings: Any) -> AsyncIterator[SimulatedEngine]:
    """Run an engine on a simulated bus until the block ends."""
    this = SimulatedEngine(bus)
    this.engine = BusEngine(BusSettings.model_validate(settings), open_transport=this.open)
    working = asyncio.create_task(this.engine.run())
    try:
        await this.engine.tried.wait()
        yield this
    finally:
        working.cancel()
        await asyncio.wait({working})
