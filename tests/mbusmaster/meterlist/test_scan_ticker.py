import asyncio

import pytest

from mbusmaster.meterlist import MeterListError
from mbusmaster.meterlist.ticker import MAX_WATCHERS, Ticker
from support.virtual_time import in_virtual_time


@in_virtual_time
async def test_who_waits_is_woken_by_the_next_change_and_given_the_newest_revision() -> None:
    ticker = Ticker()
    waiting = asyncio.create_task(ticker.later_than(0))
    await asyncio.sleep(1)
    ticker.tick()
    ticker.tick()
    assert await waiting == 2
    assert await ticker.later_than(0) == 2


@in_virtual_time
async def test_who_stops_waiting_leaves_nothing_behind() -> None:
    ticker = Ticker()
    for _ in range(MAX_WATCHERS + 1):
        waiting = asyncio.create_task(ticker.later_than(0))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})


def test_there_is_a_bound_to_who_may_watch() -> None:
    ticker = Ticker()
    for _ in range(MAX_WATCHERS):
        ticker.subscribe(lambda _: None)
    with pytest.raises(MeterListError):
        ticker.subscribe(lambda _: None)


def test_a_watcher_that_fails_keeps_nobody_from_hearing_of_a_change(caplog: pytest.LogCaptureFixture) -> None:
    ticker = Ticker()
    heard: list[int] = []

    def fail(_: int) -> None:
        raise ValueError("broken page")

    ticker.subscribe(fail)
    ticker.subscribe(heard.append)
    ticker.tick()
    assert heard == [1]
    assert "failed" in caplog.text
