"""Work that one process of all does: under a lease, taken over when it is lost."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import psycopg
import pytest

from mbusheadend.led import led
from mbusheadend.store.leases import LeasesHere
from mbusheadend.store.postgres.store import PostgresStore
from support.postgres import shared_server

pytestmark = pytest.mark.peers

SECONDS = 30


def worker(begun: asyncio.Event, ended: asyncio.Event) -> Callable[[], Coroutine[Any, Any, None]]:
    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    return work


async def test_one_of_two_works_and_when_it_loses_the_server_it_ends_and_one_of_two_begins() -> None:
    url = shared_server().database()
    stores = [PostgresStore(f"{url}&application_name={name}") for name in ("one", "two")]
    begun, ended = ([asyncio.Event() for _ in stores] for _ in range(2))
    tasks: list[asyncio.Task[Any]] = []
    try:
        async with asyncio.timeout(SECONDS):
            for place, store in enumerate(stores):
                work = worker(begun[place], ended[place])
                tasks.append(asyncio.create_task(led(store, "test", work, again=0.1)))
                if not place:
                    await begun[0].wait()
            # Many askings later there is still one.
            async with stores[1].lease("test") as lease:
                assert not lease
            assert not begun[1].is_set()
            begun[0].clear()
            with psycopg.connect(url) as raw:
                raw.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_locks USING (pid)"
                    " WHERE locktype = 'advisory' AND application_name = 'one'"
                )
            await ended[0].wait()
            # Whichever asked first.
            waits = [asyncio.create_task(one.wait()) for one in begun]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            tasks += waits
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for store in stores:
            store.close()


async def test_a_lease_that_nobody_waits_for_any_more_is_free() -> None:
    url = shared_server().database()
    one, other = PostgresStore(url), PostgresStore(url)

    async def ask() -> None:
        async with one.lease("test"):
            await asyncio.Event().wait()

    try:
        for _ in range(5):
            asking = asyncio.create_task(ask())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
    finally:
        # Only now its threads have certainly ended.
        await asyncio.get_running_loop().shutdown_default_executor()
    with psycopg.connect(url) as raw:
        row = raw.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
    assert row == (0,)
    one.close()
    other.close()


async def test_who_is_alone_always_works() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(led(LeasesHere(), "test", worker(begun, ended)))
    async with asyncio.timeout(SECONDS):
        await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert ended.is_set()
