"""A bus engine whose transactions are computed whole, not character by character: for weeks of virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mbusmaster.bus.engine import BusEngine
from mbusmaster.settings import BusSettings
from mbussim.bus import Bus
from support.simulatedline import SimulatedLine


@asynccontextmanager
async def fast_engine(bus: Bus, **settings: Any) -> AsyncIterator[BusEngine]:
    """Let an engine's clients work on a simulated bus until the block ends."""
    engine = BusEngine(BusSettings.model_validate(settings))
    line = SimulatedLine(bus, engine.settings.default_baud)
    engine.arbiter.attach(line)
    serving = asyncio.create_task(engine.arbiter.serve())
    try:
        yield engine
    finally:
        serving.cancel()
        await asyncio.wait({serving})
