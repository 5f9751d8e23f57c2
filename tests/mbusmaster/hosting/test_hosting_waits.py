"""Waiting for news of hosted reading."""

import asyncio

import pytest

from mbusmaster.hosting.waits import within


async def test_news_that_are_there_or_come_are_told_and_others_are_not_waited_for() -> None:
    event = asyncio.Event()
    assert not await within(0.0, event)
    assert not await within(-1.0, event)
    waiting = asyncio.create_task(within(None, event))
    await asyncio.sleep(0)
    event.set()
    assert await waiting
    assert await within(0.0, event)


async def test_who_is_cancelled_in_the_instant_of_the_news_is_cancelled() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(within(60.0, event))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    event.set()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
