"""How much of what ought to have been read in the last day has come, of each master, kept up as readings come.

The first look goes over a day of readings; each later one only over what came since. A slot counts as received as soon as a sound
reading of a meter for it is here; gaps that were filled otherwise are seen by `Queries.completeness`, which goes meter by meter.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mbusheadend.store.browsing import Browsing, Expected

DAY: Final = timedelta(days=1)
GRACE: Final = timedelta(minutes=15)
"""What ought to have been read since then may be on its way."""
LOOK_SECONDS: Final = 5.0
"""Between two looks at what came."""
PLAN_SECONDS: Final = 60.0
"""Between two looks at what ought to come."""
PATIENCE_SECONDS: Final = 0.5
"""So long a page waits for a look; then it shows what was known before."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DayCount:
    """Expected against received."""

    expected: int
    received: int

    @property
    def missing(self) -> int:
        """How many readings are not here."""
        return self.expected - self.received

    @property
    def percent(self) -> float | None:
        """Of what was expected, to a tenth, cut off: 100 is all of it. None where nothing was expected."""
        return 1000 * self.received // self.expected / 10 if self.expected else None


@dataclass(frozen=True, slots=True)
class DayView:
    """The last day, all together and by serial number of the master; `at` is when it was looked at."""

    at: datetime
    total: DayCount
    masters: Mapping[str, DayCount]


class Day:
    """Counts; one for all pages.

    :param now: gives the time, UTC.
    :param monotonic: gives seconds.
    """

    def __init__(
        self,
        store: Browsing,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._now = now
        self._monotonic = monotonic
        self._number: int | None = None
        self._came: dict[tuple[str, str], defaultdict[datetime, int]] = {}
        self._expected: tuple[Expected, ...] = ()
        self._planned = self._looked = float("-inf")
        self._view: DayView | None = None
        self._task: asyncio.Task[DayView] | None = None

    async def glance(self) -> DayView | None:
        """Give the last day as it is known without a long wait; None where that is not at all yet."""
        if self._view is not None and self._monotonic() - self._looked < LOOK_SECONDS:
            return self._view
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self.look()
        except TimeoutError:
            return self._view

    async def look(self) -> DayView:
        """Give the last day as it is. Raise `StoreError`."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
            self._task.add_done_callback(_tell)
        return await asyncio.shield(self._task)

    async def close(self) -> None:
        """End what is at work."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _look(self) -> DayView:
        now = self._now()
        since, until = now - DAY, now - GRACE
        if self._monotonic() - self._planned >= PLAN_SECONDS:
            self._expected = await self._store.expected(since, now)
            self._planned = self._monotonic()
        await self._count(since)
        view = _view(self._expected, self._came, since, until, now)
        self._view, self._looked = view, self._monotonic()
        return view

    async def _count(self, since: datetime) -> None:
        if self._number is None:
            self._number = await self._store.number_at(since)
        while True:
            came, last = await self._store.came(self._number, since)
            for one in came:
                key = one.serial, one.schedule
                self._came.setdefault(key, defaultdict(int))[one.slot] += one.readings
            if last == self._number:
                break
            self._number = last
        for slots in self._came.values():
            for slot in [slot for slot in slots if slot < since]:
                del slots[slot]


def _tell(task: asyncio.Task[DayView]) -> None:
    """Say what went wrong where nobody waits for it any more."""
    if not task.cancelled() and task.exception() is not None:
        _log.warning("readings of the last day cannot be counted: %s", task.exception())


def _view(
    expected: tuple[Expected, ...],
    came: Mapping[tuple[str, str], Mapping[datetime, int]],
    since: datetime,
    until: datetime,
    now: datetime,
) -> DayView:
    wanted: dict[tuple[str, str], defaultdict[datetime, int]] = {}
    for one in expected:
        slots = wanted.setdefault((one.serial, one.schedule), defaultdict(int))
        for slot in one.slots:
            if since <= slot < until:
                slots[slot] += one.meters
    counts: dict[str, DayCount] = {}
    for (serial, schedule), slots in wanted.items():
        here = came.get((serial, schedule), {})
        received = sum(min(count, here.get(slot, 0)) for slot, count in slots.items())
        before = counts.get(serial, DayCount(0, 0))
        counts[serial] = DayCount(before.expected + sum(slots.values()), before.received + received)
    total = DayCount(
        sum(one.expected for one in counts.values()), sum(one.received for one in counts.values())
    )
    return DayView(now, total, counts)
