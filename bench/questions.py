"""What pages, interfaces and the background ask of the store, over and over: the same of a small and of a big fleet."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bench.figure import middle
from bench.filled import Filled
from bench.store import METERS
from mbusheadend.decoding.registers import Register
from mbusheadend.export.forms import Form
from mbusheadend.export.run import export
from mbusheadend.export.sources import Values
from mbusheadend.fleet.day import Day
from mbusheadend.store import Store
from mbusheadend.store.browsing import MasterFilter, MeterFilter, MeterSort
from mbusheadend.views.complete import days_of, masters_complete
from mbusheadend.views.latest import latest_of
from mbusheadend.watch.look import Look

ENERGY: Final = Register("instantaneous", 0, 0, 0, "energy", "Wh", ())
PAGE: Final = 50
_MOST: Final = 5
_ENOUGH: Final = 10.0
"""Seconds; a question that takes longer is asked once."""

Question = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """How long questions took, in seconds; the first time, and the median of the others."""

    first: float
    usual: float


async def ask(question: Question, most: int = _MOST) -> Asked:
    """Ask some times."""
    took: list[float] = []
    while len(took) < most and sum(took) < _ENOUGH:
        began = time.perf_counter()
        await question()
        took.append(time.perf_counter() - began)
    return Asked(took[0], middle(took[1:] or took))


async def ask_all(
    questions: Mapping[str, Question], told: Callable[[str], None] = lambda text: None
) -> dict[str, Asked]:
    """Ask each some times."""
    found = {}
    for name, question in questions.items():
        found[name] = await ask(question)
        told(f"{name}: {1000 * found[name].usual:.1f} ms, first {1000 * found[name].first:.1f} ms")
    return found


class Questions:
    """Questions about a filled store."""

    def __init__(self, store: Store, filled: Filled, folder: Path) -> None:
        self._store = store
        self._filled = filled
        self._folder = folder
        self._now = datetime.now(UTC)
        self._last = 0
        self._day = Day(store, lambda: self._now)

    def of_lists(self) -> dict[str, Question]:
        """What people look at."""
        store, middle_of = self._store, self._filled.meters // 2
        return {
            "first page of meters": lambda: store.find_meters(MeterFilter(), 0, PAGE),
            "a page in the middle": lambda: store.find_meters(MeterFilter(), middle_of, PAGE),
            "meters that were not read for longest": lambda: store.find_meters(
                MeterFilter(sort=MeterSort.READ), 0, PAGE
            ),
            "meters by some digits": lambda: store.find_meters(MeterFilter(text="0000123"), 0, PAGE),
            "meters of one master": lambda: store.find_meters(MeterFilter(master="U000007"), 0, PAGE),
            "a page of newest values": self._latest_page,
            "first page of masters": lambda: store.find_masters(MasterFilter(), 0, PAGE),
            "counts of the overview": lambda: store.count_fleet(
                self._now - timedelta(hours=1), self._now - timedelta(days=1)
            ),
            "newest readings of the overview": lambda: store.newest_arrivals(10),
        }

    def of_background(self) -> dict[str, Question]:
        """What is done whether somebody looks or not."""
        look = Look(self._store, lambda: self._now, self._now, self._folder)
        return {
            "completeness of the last day, all meters, counted on": self._day.look,
            "look at all masters": look.at_masters,
            "look at the readings of a master": self._look_at_readings(look),
        }

    def of_readings(self) -> dict[str, Question]:
        """What is asked of readings."""
        first = self._filled.first
        return {
            "latest of all meters": lambda: self._store.latest(range(first, first + self._filled.meters)),
            "a year of one meter, one register": self._year,
            "a year of one meter, whole readings": self._year_whole,
            "completeness of a master, 30 days": self._complete,
            "export of a day of a master, all values": self._export,
        }

    async def fleet_complete(self) -> int:
        """Compare every slot of the last day of every meter with what came; give how many meters there were."""
        counts = await self._store.counts((self._now - timedelta(days=1), self._now))
        return len(counts)

    async def _latest_page(self) -> None:
        page = await self._store.find_meters(MeterFilter(), self._filled.meters // 3, PAGE)
        await latest_of(self._store, page.meters, self._now)

    def _look_at_readings(self, look: Look) -> Question:
        async def question() -> None:
            await look.at_readings(await self._store.master("U000003"))

        return question

    async def _year(self) -> None:
        page = await self._store.tracks(self._one(), (ENERGY,), self._now - timedelta(days=365), self._now)
        assert len(page.tracks) >= min(365, len(self._filled.slots))

    async def _year_whole(self) -> None:
        page = await self._store.readings(
            self._one(), self._now - timedelta(days=365), self._now, limit=10_000, with_raw=False
        )
        assert len(page.readings) >= min(365, len(self._filled.slots))

    def _one(self) -> int:
        """Give another meter each time: what one has asked lies in memory."""
        self._last = (self._last + 7919) % self._filled.meters
        return self._filled.first + self._last

    async def _complete(self) -> None:
        edges = days_of(self._now - timedelta(days=30), self._now, "UTC")
        table = await masters_complete(self._store, [await self._store.master("U000002")], edges)
        assert table.masters

    async def _export(self) -> None:
        meters = (await self._store.find_meters(MeterFilter(master="U000001"), 0, METERS)).meters
        end = self._filled.slots[-1] + timedelta(hours=1)
        async for _ in await export(Values(self._store, meters, end - timedelta(days=1), end), Form.CSV):
            await asyncio.sleep(0)
