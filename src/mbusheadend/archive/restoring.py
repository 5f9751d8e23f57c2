"""A month put back into a store."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final

import pyarrow.parquet as pq

from mbusheadend.archive.checking import check_files
from mbusheadend.archive.errors import ArchiveError
from mbusheadend.archive.manifest import Manifest
from mbusheadend.archive.places import Place, told
from mbusheadend.archive.rows import readings_of
from mbusheadend.store.archiving import ArchivedReading, Archiving

PIECE: Final = 500
"""Readings that are stored in one transaction."""


async def put_back(
    store: Archiving,
    place: Place,
    manifest: Manifest,
    now: datetime,
    progress: Callable[[int], None] = lambda readings: None,
) -> int:
    """Store the readings of a month that the store does not have; say how many those were.

    All files are checked before the first one is used: raise `ArchiveError`. Broken off and done again, it goes on.
    """
    problems = await asyncio.to_thread(check_files, place, manifest)
    if problems:
        raise ArchiveError(problems[0])
    new = done = 0
    readings = readings_in(place, manifest)
    while piece := await asyncio.to_thread(lambda: tuple(islice(readings, PIECE))):
        new += await store.put_back(piece, now)
        done += len(piece)
        progress(done)
    return new


def readings_in(place: Place, manifest: Manifest) -> Iterator[ArchivedReading]:
    """Give all readings of a month, file by file."""
    for file in manifest.files:
        name = manifest.path(file)
        with told(name), place.open(name) as opened:
            batches: Iterator[Any] = pq.ParquetFile(opened).iter_batches(batch_size=PIECE)
            for batch in batches:
                yield from readings_of(batch)
