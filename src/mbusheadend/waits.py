"""Waiting for whichever comes first."""

import asyncio


async def first(seconds: float, *events: asyncio.Event) -> None:
    """Wait until one of the events is set, or for so long."""
    tasks = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
