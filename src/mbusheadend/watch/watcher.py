"""All that the head-end does by itself, for whoever starts it.

Nothing of it holds intake up: it reads the store beside the writer and writes in short pieces. What fails is tried again later.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from mbusheadend.alarms.delivery import Delivery
from mbusheadend.alarms.news import Translate
from mbusheadend.store import Store, StoreError
from mbusheadend.watch.judge_readings import CHUNK, JudgeReadings
from mbusheadend.watch.look import Look
from mbusweb.locale.catalogue import catalogue_of

MASTERS_SECONDS: Final = 60.0
READINGS_SECONDS: Final = 300.0
"""Between two looks at the readings of all masters."""
SHARE: Final = 10
"""A look at the readings of a master is followed by a rest so many times as long."""
JUDGING_SHARE: Final = 2
"""While many readings wait to be judged, a step is followed by a rest so many times as long: storing goes first."""
FORGET_SECONDS: Final = 3600.0
GATHER_SECONDS: Final = 1.0
"""In which readings that come one after the other are judged together."""
IDLE_SECONDS: Final = 30.0
"""After which it is looked whether another process has stored something."""
AGAIN_SECONDS: Final = 30.0

_log = logging.getLogger(__name__)


class News(StrEnum):
    """What the watch looks at soon."""

    READINGS = "readings"
    ALARMS = "alarms"


def translated(language: str, template: str) -> str:
    """Give a template in a language; in English where it is not translated."""
    return catalogue_of(language).gettext(template) if template else ""


class Watcher:
    """Judges readings, finds and fills gaps, raises alarms and tells of them.

    :param name: gives what the head-end is called, for messages.
    :param tell_others: tells the process that looks after all of this that there are news.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        state_folder: Path,
        *,
        name: Callable[[], str],
        translate: Translate = translated,
        tell_others: Callable[[News], None] = lambda news: None,
    ) -> None:
        self.delivery = Delivery(store, now, name, translate)
        self.look = Look(store, now, now(), state_folder)
        self._store = store
        self._now = now
        self._tell_others = tell_others
        self._judge = JudgeReadings(store, now)
        self._arrived = asyncio.Event()
        self._told = asyncio.Event()

    def readings_came(self) -> None:
        """Readings were stored: judge them soon."""
        self.hear(News.READINGS)
        self._tell_others(News.READINGS)

    def tell_soon(self) -> None:
        """Alarms or rules have changed: look whether somebody is to be told."""
        self.hear(News.ALARMS)
        self._tell_others(News.ALARMS)

    def hear(self, news: News) -> None:
        """There are news, perhaps of another process."""
        (self._arrived if news is News.READINGS else self._told).set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._for_ever(self._judge_all), name="judging of readings")
                tasks.create_task(self._for_ever(self._look_at_masters), name="look at masters")
                tasks.create_task(self._for_ever(self._look_at_readings), name="look at readings")
                tasks.create_task(self._for_ever(self._deliver), name="delivery of messages")
                tasks.create_task(self._for_ever(self._forget), name="forgetting of alarms")
        finally:
            self.delivery.close()

    async def _for_ever(self, work: Callable[[], Awaitable[float]]) -> None:
        """Do a work again and again, each time after the seconds that it says."""
        while True:
            try:
                pause = await work()
            except StoreError as error:
                _log.error("%s", error)
                pause = AGAIN_SECONDS
            except Exception:
                # One thing that nobody thought of must not end the watch over everything else.
                _log.exception("an error in the background")
                pause = AGAIN_SECONDS
            await asyncio.sleep(pause)

    async def _judge_all(self) -> float:
        self._arrived.clear()
        clock = asyncio.get_running_loop().time
        began = clock()
        count = await self._judge.step()
        if count:
            self._told.set()
        if count < CHUNK:
            await _set_or_over(self._arrived, IDLE_SECONDS)
            return GATHER_SECONDS
        return JUDGING_SHARE * (clock() - began)

    async def _look_at_masters(self) -> float:
        await self.look.at_masters()
        await self.look.at_disk()
        await self.look.at_firmware()
        self._told.set()
        return MASTERS_SECONDS

    async def _look_at_readings(self) -> float:
        loop = asyncio.get_running_loop()
        for master in await self._store.masters():
            began = loop.time()
            try:
                await self.look.at_readings(master)
            except StoreError:
                raise
            except Exception:
                # What nobody thought of about one master must not hide all that come behind it.
                _log.exception("the readings of master %s cannot be looked at", master.serial)
            self._told.set()
            await asyncio.sleep(SHARE * (loop.time() - began))
        return READINGS_SECONDS

    async def _deliver(self) -> float:
        self._told.clear()
        due = await self.delivery.step()
        seconds = IDLE_SECONDS if due is None else (due - self._now()).total_seconds()
        await _set_or_over(self._told, min(IDLE_SECONDS, max(0.0, seconds)))
        return GATHER_SECONDS

    async def _forget(self) -> float:
        await self.look.forget()
        return FORGET_SECONDS


async def _set_or_over(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
