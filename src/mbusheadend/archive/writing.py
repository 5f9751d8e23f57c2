"""A month written from the store, and what came later added to it.

Whatever ends it: until the manifest is written last, nothing that it wrote counts, and the next run removes it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from mbusheadend.archive.checking import check_file, not_there, pages_of, unnamed_files
from mbusheadend.archive.errors import ArchiveError
from mbusheadend.archive.files import FILE_SIZE, Files
from mbusheadend.archive.manifest import ArchivedFile, Manifest, folder_of, load_manifest, save_manifest
from mbusheadend.archive.months import Month
from mbusheadend.archive.places import Place
from mbusheadend.archive.rows import batch_of
from mbusheadend.store.archiving import ArchivedReading, Archiving

Progress = Callable[[Month, int], None]
"""Is told of which month how many readings are in files."""


async def no_pause(seconds: float) -> None:
    """Go on at once."""


class MonthWriter:
    """Writes months of a store. One at a time per tenant and place: see `mbusheadend.archive.archivist`.

    :param guard: raises `ArchiveError` where nothing more may be written.
    :param pause: is called after each piece with the seconds that it took, so that others get their turn.
    """

    def __init__(
        self,
        store: Archiving,
        place: Place,
        tenant: str,
        now: Callable[[], datetime],
        guard: Callable[[], None],
        *,
        file_size: int = FILE_SIZE,
        pause: Callable[[float], Awaitable[None]] = no_pause,
        progress: Progress = lambda month, readings: None,
    ) -> None:
        self._store = store
        self._place = place
        self._tenant = tenant
        self._now = now
        self._guard = guard
        self._file_size = file_size
        self._pause = pause
        self._progress = progress

    async def write(self, month: Month) -> Manifest | None:
        """Write a whole month that is not there yet; None where the store has nothing of it. Raise `ArchiveError`."""
        await self._clear(month, None)
        before = await self._store.count_readings(month.begin, month.end)
        files = Files(self._place, folder_of(self._tenant, month), _name("part", 1), 1, self._file_size)
        try:
            written = await self._fill(files, month)
            done = await asyncio.to_thread(files.end)
        except BaseException as error:
            files.drop(error)
            raise
        if written < min(before, await self._store.count_readings(month.begin, month.end)):
            raise ArchiveError(f"of {month} there are {before} readings, and only {written} were found")
        return await self._seal(month, 1, (), done) if done else None

    async def add(self, month: Month, readings: Sequence[ArchivedReading]) -> int:
        """Add to a month that is there what it does not have of these; say how many. Raise `ArchiveError`."""
        manifest = await asyncio.to_thread(load_manifest, self._place, self._tenant, month)
        if manifest is None:
            raise ArchiveError(f"{month} is not in the archive")
        new = await asyncio.to_thread(not_there, self._place, manifest, readings)
        if not new:
            return 0
        await self._clear(month, manifest)
        number = manifest.version + 1
        files = Files(self._place, manifest.folder, _name("late", number), number, self._file_size)
        new.sort(key=lambda one: (one.identity, one.reading.taken))
        try:
            await asyncio.to_thread(_add, files, new)
            done = await asyncio.to_thread(files.end)
        except BaseException as error:
            files.drop(error)
            raise
        await self._seal(month, number, manifest.files, done)
        return len(new)

    async def _fill(self, files: Files, month: Month) -> int:
        written = 0
        began = time.monotonic()
        async for page in pages_of(self._store, month.begin, month.end):
            self._guard()
            await asyncio.to_thread(_add, files, page)
            written += len(page)
            self._progress(month, written)
            await self._pause(time.monotonic() - began)
            began = time.monotonic()
        return written

    async def _seal(
        self, month: Month, number: int, before: tuple[ArchivedFile, ...], new: tuple[ArchivedFile, ...]
    ) -> Manifest:
        """Read back what was written, and say then that it is there."""
        manifest = Manifest.of(self._tenant, month, number, (*before, *new), self._now())
        for file in new:
            await asyncio.to_thread(check_file, self._place, manifest.path(file), file)
        self._guard()
        await asyncio.to_thread(save_manifest, self._place, manifest)
        return manifest

    async def _clear(self, month: Month, manifest: Manifest | None) -> None:
        """Remove what a run that was broken off has left."""
        folder = folder_of(self._tenant, month)
        for name in await asyncio.to_thread(unnamed_files, self._place, folder, manifest):
            await asyncio.to_thread(self._place.remove, name)


def _add(files: Files, readings: Sequence[ArchivedReading]) -> None:
    files.add(batch_of(readings))


def _name(kind: str, version: int) -> Callable[[int], str]:
    """Give the names of files: those of one version of the manifest have its number."""
    return lambda number: f"{kind}-{version:04d}-{number:05d}.parquet"
