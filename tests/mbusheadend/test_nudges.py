"""Nudges between processes."""

import asyncio

from mbusheadend.courier import CourierHere
from mbusheadend.nudges import Nudges

SECONDS = 20


async def test_every_process_looks_when_one_nudges_and_strange_words_are_passed_over() -> None:
    courier = CourierHere()
    seen = [asyncio.Event(), asyncio.Event()]
    both = [Nudges(courier, "nudge.1", {"alarms": event.set}) for event in seen]
    tasks = [asyncio.create_task(one.run()) for one in both]
    async with asyncio.timeout(SECONDS):
        both[0].send("nobody knows this")
        both[0].send("alarms")
        for event in seen:
            await event.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
