"""Waiting for news, but not longer than so long."""

import asyncio
import contextlib


async def within(seconds: float | None, event: asyncio.Event) -> bool:
    """Wait until an event is set; tell whether it was in time. None waits for as long as it takes.

    Who is cancelled in the very instant of the event is cancelled: `asyncio.wait_for` forgets that before Python 3.12.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None if seconds is None else max(0.0, seconds)):
            await event.wait()
            return True
    return False
