"""Waiting for what happens outside this process: in the kernel, or at the other end of a socket."""

import asyncio
from collections.abc import Callable


async def settled(condition: Callable[[], bool]) -> None:
    """Return when it is true; an error after ten seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.002)
