"""The archive of one store: which months are due, what came late, what may be given up in the store."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mbusheadend.archive.checking import Checked, check_month, missing_readings
from mbusheadend.archive.errors import ArchiveError
from mbusheadend.archive.files import FILE_SIZE
from mbusheadend.archive.manifest import Manifest, load_manifest, months_in
from mbusheadend.archive.months import Month
from mbusheadend.archive.places import Place
from mbusheadend.archive.restoring import put_back
from mbusheadend.archive.writing import MonthWriter, Progress, no_pause
from mbusheadend.store import Store
from mbusheadend.store.archiving import ArchivedReading
from mbusheadend.store.leases import Lease

AHEAD: Final = timedelta(days=1)
"""A month that begins later than that comes of a clock that was wrong, and is archived at once."""
HELD: Final = 10_000
"""Late readings that are in memory at once."""
LEASE: Final = "archive"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Archived:
    """What a turn has put into the archive.

    :ivar months: that were written whole.
    :ivar readings: of those.
    :ivar late: readings that were added to months that were there.
    :ivar is_elsewhere: whether another process is at it; then nothing was done here.
    """

    months: tuple[Month, ...] = ()
    readings: int = 0
    late: int = 0
    is_elsewhere: bool = False


class Archivist:
    """Keeps an archive of a store.

    :param wait_months: whole months that pass after the end of a month before it is written.
    :param now: gives the time.
    :param pause: see `MonthWriter`, like `progress`.
    """

    def __init__(
        self,
        store: Store,
        place: Place,
        tenant: str,
        wait_months: int,
        now: Callable[[], datetime],
        *,
        file_size: int = FILE_SIZE,
        pause: Callable[[float], Awaitable[None]] = no_pause,
        progress: Progress = lambda month, readings: None,
    ) -> None:
        self._store = store
        self._place = place
        self._tenant = tenant
        self._wait_months = wait_months
        self._now = now
        self._lease = Lease(is_held=False)
        self._writer = MonthWriter(
            store, place, tenant, now, self._guard, file_size=file_size, pause=pause, progress=progress
        )

    async def turn(self) -> Archived:
        """Add what came late to months that are there, and write the months that are due. Raise `ArchiveError`, `StoreError`."""
        async with self._alone() as mine:
            if not mine:
                return Archived(is_elsewhere=True)
            late = await self._add_late()
            written = []
            for month in await self._due():
                manifest = await self._writer.write(month)
                if manifest is not None:
                    _log.info("%s is in the archive: %d readings", month, manifest.readings)
                    written.append(manifest)
        return Archived(tuple(one.of_month for one in written), sum(one.readings for one in written), late)

    async def write(self, month: Month) -> Archived:
        """Write a month now; to one that is there add all that the store has beyond it. Raise `ArchiveError`, `StoreError`."""
        async with self._alone() as mine:
            if not mine:
                return Archived(is_elsewhere=True)
            manifest = await self.manifest(month)
            if manifest is None:
                manifest = await self._writer.write(month)
                return Archived((month,), manifest.readings) if manifest is not None else Archived()
            late = 0
            async for piece in missing_readings(self._store, self._place, manifest, with_telegrams=True):
                late += await self._writer.add(month, piece) if piece else 0
            return Archived(late=late)

    async def months(self) -> tuple[Month, ...]:
        """Give the months that are in the archive."""
        return await asyncio.to_thread(months_in, self._place, self._tenant)

    async def manifest(self, month: Month) -> Manifest | None:
        """Give what a month has; None where it is not there. Raise `ArchiveError`."""
        return await asyncio.to_thread(load_manifest, self._place, self._tenant, month)

    async def check(self, month: Month, progress: Callable[[int], None] = lambda readings: None) -> Checked:
        """Read all files of a month and look for what the store has beyond it."""
        manifest = await self.manifest(month)
        if manifest is None:
            return Checked(month, (f"{month} is not in the archive",))
        return await check_month(self._store, self._place, manifest, progress)

    async def put_back(self, month: Month, progress: Callable[[int], None] = lambda readings: None) -> int:
        """Put a month back into the store; say how many readings were not there. Raise `ArchiveError`, `StoreError`."""
        manifest = await self.manifest(month)
        if manifest is None:
            raise ArchiveError(f"{month} is not in the archive")
        return await put_back(self._store, self._place, manifest, self._now(), progress)

    async def may_give_up(self, before: datetime) -> datetime | None:
        """Say up to which moment, at most `before`, all that the store received is in the archive; None for nothing.

        Raise `ArchiveError` where a file of a month of that time is not there as it was written.
        """
        there = set(await self.months())
        for begin in await self._store.months():
            month = Month.of(begin)
            if begin >= before:
                break
            if month not in there:
                before = begin
                break
            await asyncio.to_thread(self._look_at, month)
        is_looked_at = await self._store.number_at(before) <= await self._store.archive_position()
        return before if is_looked_at else None

    def _look_at(self, month: Month) -> None:
        manifest = load_manifest(self._place, self._tenant, month)
        if manifest is None:
            raise ArchiveError(f"{month} is not in the archive")
        sizes = self._place.sizes(manifest.folder)
        for file in manifest.files:
            if sizes.get(manifest.path(file)) != file.size:
                raise ArchiveError(f"the archive's {manifest.path(file)} is not what was written")

    async def _due(self) -> list[Month]:
        """Give the months that the store has and the archive not, and whose time it is."""
        there = set(await self.months())
        end, ahead = self._bounds()
        found = [Month.of(begin) for begin in await self._store.months()]
        return [
            month for month in found if month not in there and (month.begin < end or month.begin >= ahead)
        ]

    def _bounds(self) -> tuple[datetime, datetime]:
        """Give before which month all are due, and from which moment on a clock was wrong."""
        now = self._now()
        return Month.of(now).shifted(-self._wait_months).begin, Month.of(now + AHEAD).end

    async def _add_late(self) -> int:
        """Look at what arrived since the last time, and add what belongs to months that are there.

        A month is written with all that the store has then, so what arrived before that is looked at twice, and is in it.
        """
        there = set(await self.months())
        if not there:
            await self._store.set_archive_position(await self._store.number_at(self._now()))
            return 0
        end, ahead = self._bounds()
        number, is_complete, added, held = await self._store.archive_position(), False, 0, 0
        waiting: defaultdict[Month, list[ArchivedReading]] = defaultdict(list)
        while not is_complete:
            page = await self._store.arrivals(number, end, ahead)
            for one in page.readings:
                month = Month.of(one.reading.taken)
                if month in there:
                    waiting[month].append(one)
                    held += 1
            number, is_complete = page.number, page.is_complete
            if is_complete or held >= HELD:
                for month, readings in waiting.items():
                    added += await self._writer.add(month, readings)
                waiting.clear()
                held = 0
                await self._store.set_archive_position(number)
        return added

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[bool]:
        """Be the only one who writes this archive; false where another process does."""
        async with self._store.lease(LEASE) as lease:
            self._lease = lease
            yield bool(lease)

    def _guard(self) -> None:
        """Write nothing more where another process may be writing: raise `ArchiveError`."""
        if not self._lease:
            raise ArchiveError(
                "the connection to the store was lost: another process may be writing the archive"
            )
