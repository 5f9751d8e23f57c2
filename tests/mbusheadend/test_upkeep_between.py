"""Every process says what the one that looks after the store has done."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from mbusheadend.courier import CourierHere
from mbusheadend.gossip import Gossip
from mbusheadend.settings import Keep
from mbusheadend.store.sqlite.store import SqliteStore
from mbusheadend.upkeep import Upkeep
from mbusheadend.upkeep_between import TOPIC, UpkeepNews
from support.settled import settled

NOW = datetime(2026, 11, 22, tzinfo=UTC)


async def test_a_turn_of_one_process_is_seen_at_another_also_one_that_begins_later(tmp_path: Path) -> None:
    store, courier = SqliteStore(tmp_path / "store.db"), CourierHere()
    all_of_them = [Upkeep(store, Keep(), lambda: NOW) for _ in range(3)]
    tasks = []

    def meet(upkeep: Upkeep) -> None:
        news = UpkeepNews(upkeep)
        news.gossip = Gossip(courier, TOPIC, news)
        tasks.append(asyncio.create_task(news.gossip.run()))

    meet(all_of_them[0])
    meet(all_of_them[1])
    await asyncio.sleep(0)
    done = await all_of_them[0].turn()
    await settled(lambda: all_of_them[1].report == done)
    meet(all_of_them[2])
    await settled(lambda: all_of_them[2].report == done)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    store.close()
