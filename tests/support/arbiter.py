"""An arbiter at work on a line of the test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mbusmaster.bus.arbiter import Arbiter
from mbusmaster.bus.turns import LeaseTimes
from support.sharedbus import SharedBus


@asynccontextmanager
async def serving(bus: SharedBus, times: LeaseTimes | None = None) -> AsyncIterator[Arbiter]:
    """Let an arbiter serve the bus until the block ends."""
    arbiter = Arbiter(baud=2400, times=times)
    arbiter.attach(bus)
    task = asyncio.create_task(arbiter.serve())
    try:
        yield arbiter
    finally:
        task.cancel()
        await asyncio.wait({task})
