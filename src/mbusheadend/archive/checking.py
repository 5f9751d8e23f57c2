"""Files against their manifest, and readings against the archive."""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow.parquet as pq

from mbusheadend.archive.errors import ArchiveError
from mbusheadend.archive.manifest import NAME, ArchivedFile, Manifest
from mbusheadend.archive.months import Month
from mbusheadend.archive.places import Place, digest_of, told
from mbusheadend.store.archiving import ArchivedReading, Archiving

CHUNK: Final = 50_000
"""Readings that are looked for in the archive at once."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at a month has found.

    :ivar problems: each in words; none where all is well.
    :ivar unnamed: files that lie there and that the manifest does not name: of a run that was broken off.
    :ivar missing: readings that the store has and the archive does not.
    """

    month: Month
    problems: tuple[str, ...]
    unnamed: tuple[str, ...] = ()
    missing: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether the month is as its manifest says and has all that the store has."""
        return not self.problems and not self.missing


def check_files(place: Place, manifest: Manifest) -> tuple[str, ...]:
    """Read every file of a month from beginning to end; say what is wrong."""
    problems = []
    for file in manifest.files:
        try:
            check_file(place, manifest.path(file), file)
        except ArchiveError as error:
            problems.append(str(error))
    return tuple(problems)


def check_file(place: Place, name: str, file: ArchivedFile) -> None:
    """Read a file; raise `ArchiveError` where it is not what the manifest says."""
    if digest_of(place, name) != (file.size, file.sha256):
        raise ArchiveError(f"the archive's {name} is not what was written")
    with told(name), place.open(name) as opened:
        rows = pq.ParquetFile(opened).metadata.num_rows
    if rows != file.readings:
        raise ArchiveError(f"the archive's {name} has {rows} readings, its manifest says {file.readings}")


def unnamed_files(place: Place, folder: str, manifest: Manifest | None) -> tuple[str, ...]:
    """Give the files in the folder of a month that belong to nothing."""
    named = {f"{folder}/{NAME}"}
    if manifest is not None:
        named.update(manifest.path(file) for file in manifest.files)
    return tuple(sorted(name for name in place.sizes(folder) if name not in named))


def not_there(place: Place, manifest: Manifest, readings: Iterable[ArchivedReading]) -> list[ArchivedReading]:
    """Give those that a month does not have yet, each once; only groups of rows with meters of theirs are read."""
    wanted = {bytes.fromhex(one.reading.id): one for one in readings}
    meters = sorted({one.identity for one in wanted.values()})
    for file in manifest.files:
        if wanted and _is_among(meters, file.first_meter, file.last_meter):
            name = manifest.path(file)
            with told(name), place.open(name) as opened:
                _take_away(wanted, meters, pq.ParquetFile(opened))
    return list(wanted.values())


def _take_away(wanted: dict[bytes, ArchivedReading], meters: Sequence[str], file: Any) -> None:
    place = file.schema_arrow.get_field_index("meter")
    for number in range(file.metadata.num_row_groups):
        statistics = file.metadata.row_group(number).column(place).statistics
        if statistics is None or _is_among(meters, statistics.min, statistics.max):
            for id in file.read_row_group(number, columns=["id"]).column("id").to_pylist():
                wanted.pop(id, None)


def _is_among(meters: Sequence[str], first: str, last: str) -> bool:
    """Tell whether one of the meters, which are in order, is between two."""
    place = bisect_left(meters, first)
    return place < len(meters) and meters[place] <= last


async def missing_readings(
    store: Archiving,
    place: Place,
    manifest: Manifest,
    *,
    with_telegrams: bool,
    progress: Callable[[int], None] = lambda readings: None,
) -> AsyncIterator[list[ArchivedReading]]:
    """Give what the store has of a month and the archive does not, in pieces.

    :param with_telegrams: whether the readings have to be whole, or it is only to know which they are.
    :param progress: is told how many readings were looked at.
    """
    waiting: list[ArchivedReading] = []
    looked_at = 0
    month = manifest.of_month
    async for page in pages_of(store, month.begin, month.end, with_telegrams=with_telegrams):
        waiting.extend(page)
        if len(waiting) >= CHUNK:
            looked_at += len(waiting)
            yield await asyncio.to_thread(not_there, place, manifest, waiting)
            waiting = []
            progress(looked_at)
    if waiting:
        yield await asyncio.to_thread(not_there, place, manifest, waiting)


async def pages_of(
    store: Archiving, since: datetime, until: datetime, *, with_telegrams: bool = True
) -> AsyncIterator[tuple[ArchivedReading, ...]]:
    """Give all readings of a time, by meter and time."""
    after = None
    while True:
        page = await store.readings_by_meter(since, until, after=after, with_telegrams=with_telegrams)
        if page.readings:
            yield page.readings
        after = page.after
        if after is None:
            return


async def check_month(
    store: Archiving | None,
    place: Place,
    manifest: Manifest,
    progress: Callable[[int], None] = lambda readings: None,
) -> Checked:
    """Check the files of a month, and where there is a store that it has nothing that the archive does not."""
    problems = await asyncio.to_thread(check_files, place, manifest)
    unnamed = await asyncio.to_thread(unnamed_files, place, manifest.folder, manifest)
    missing = 0
    if store is not None and not problems:
        found = missing_readings(store, place, manifest, with_telegrams=False, progress=progress)
        async for piece in found:
            missing += len(piece)
    return Checked(manifest.of_month, problems, unnamed, missing)
