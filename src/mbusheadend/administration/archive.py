"""``mbusheadend archive``."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from mbusheadend.archive.opening import open_archive, options_of
from mbusheadend.archive.settings import ArchiveSettings
from mbusheadend.errors import HeadEndError
from mbusheadend.settings import Settings
from mbusheadend.state import stored_in, utc_now

if TYPE_CHECKING:
    from mbusheadend.archive.archivist import Archivist
    from mbusheadend.archive.months import Month


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Do it. Raise `HeadEndError` or `StoreError`."""
    if options.place is not None:
        changed = settings.archive.model_dump() | {"place": options.place}
        settings = Settings.model_validate(settings.model_dump() | {"archive": changed})
    if options.action == "job":
        print(spark_job())
        return
    if options.action == "redecode":
        print(f"{_redecoded(settings.archive, options)} months decoded again")
        return
    async with stored_in(settings) as store:
        archive = open_archive(settings.archive, store, utc_now, pause=_no_pause, progress=_told)
        match options.action:
            case "write":
                await _write(archive, options.month)
            case "list":
                await _list(archive, as_json=options.json)
            case "verify":
                await _verify(archive, options.month)
            case _:
                await _restore(archive, options.month)


async def _write(archive: "Archivist", months: "Sequence[Month]") -> None:
    """Write the months that are due, or these."""
    done = [await archive.write(month) for month in months] or [await archive.turn()]
    if any(one.is_elsewhere for one in done):
        raise HeadEndError("another process is writing the archive; what it does not do, do again later")
    written = [month for one in done for month in one.months]
    readings, late = sum(one.readings for one in done), sum(one.late for one in done)
    _end()
    print(
        f"{len(written)} months written with {readings} readings; {late} readings added to months that were there"
    )


async def _list(archive: "Archivist", *, as_json: bool) -> None:
    manifests = [await archive.manifest(month) for month in await archive.months()]
    found = [one for one in manifests if one is not None]
    if as_json:
        print(json.dumps([json.loads(one.model_dump_json()) for one in found]))
        return
    for one in found:
        print(
            f"{one.of_month}  {one.readings:>12} readings  {one.records:>13} values  {len(one.files):>5} files  "
            f"{one.size / 1e6:>9.1f} MB  version {one.version}"
        )


async def _verify(archive: "Archivist", months: "Sequence[Month]") -> None:
    """Read these months, or all. Raise `HeadEndError` where one is not sound."""
    unsound = 0
    for month in months or await archive.months():
        checked = await archive.check(month, partial(_told, month))
        _end()
        unsound += not checked.is_sound
        print(f"{month}  {'sound' if checked.is_sound else 'NOT SOUND'}")
        for problem in checked.problems:
            print(f"  {problem}")
        if checked.missing:
            print(
                f"  {checked.missing} readings of the store are not in it: mbusheadend archive write --month {month}"
            )
        for name in checked.unnamed:
            print(f"  {name} belongs to nothing: a run that was broken off left it, the next one removes it")
    if unsound:
        raise HeadEndError(f"{unsound} months are not sound")


async def _restore(archive: "Archivist", months: "Sequence[Month]") -> None:
    """Put these months back."""
    for month in months:
        new = await archive.put_back(month, partial(_told, month))
        _end()
        print(f"{month}  {new} readings put back that were not there")


def _redecoded(settings: ArchiveSettings, options: argparse.Namespace) -> int:
    """Decode an archive again with all cores of this machine; say how many months."""
    if not settings.place:
        raise HeadEndError("the settings name no archive, and neither does --place")
    from mbusheadend.archive.redecode import Job, done_of, keys_of, redecode_all

    reached = options_of(settings)
    job = Job(
        (settings.place, reached),
        (options.target, reached),
        settings.tenant,
        tuple(options.month),
        keys_of(options.keys),
    )
    # Not by fork: threads of pyarrow may be at work.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        return redecode_all(job, lambda tasks: list(processes.map(done_of, tasks)), os.cpu_count() or 1)


def spark_job() -> Path:
    """Give the program that Spark runs."""
    from mbusheadend.archive import redecode

    return Path(redecode.__file__).with_name("spark_job.py")


async def _no_pause(seconds: float) -> None:
    """Be as fast as it goes: somebody waits for it."""


def _told(month: "Month", readings: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{month}: {readings} readings", end="", file=sys.stderr, flush=True)


def _end() -> None:
    if sys.stderr.isatty():
        print(file=sys.stderr)
