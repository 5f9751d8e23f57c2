"""An arbiter at work on a line of the test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mbusmaster.bus.arbiter import Arbiter, BusLine
from mbusmaster.bus.turns import LeaseTimes


@asynccontextmanager
async def serving(
    bus: BusLine, times: LeaseTimes | None = None, rates: tuple[int, int] = (300, 19200)
) -> AsyncIterator[Arbiter]:
    """Let an arbiter serve the bus until the block ends."""
    arbiter = Arbiter(baud=2400, times=times, rates=rates)
    arbiter.attach(bus)
    task = asyncio.create_task(arbiter.serve())
    try:
        yield arbiter
    finally:
        task.cancel()
        await asyncio.wait({task})
