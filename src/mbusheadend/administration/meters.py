"""``mbusheadend meters``: the list of meters as the master's CSV file."""

import argparse
import asyncio
import sys
from pathlib import Path

from mbusheadend.errors import HeadEndError
from mbusheadend.meterfile import read_meters, write_meters
from mbusheadend.settings import Settings
from mbusheadend.state import stored_in, utc_now
from mbusio.files import EVERYBODY_READS, write_atomically
from mbusio.meterfile import MAX_SIZE, ImportReport


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Write or take in a list. Raise `HeadEndError` or `StoreError`."""
    async with stored_in(settings) as store:
        if options.action == "export":
            await _export(write_meters(await store.meters(options.master)), options.output)
            return
        found = await asyncio.to_thread(read_meters, read_file(options.file, MAX_SIZE))
        told(found.report)
        new = await store.add_meters(
            options.master,
            [(meter.bus, meter.address, meter.primary, meter.note) for meter in found.meters],
            utc_now(),
        )
    print(f"{len(found.meters)} meters in the file, {len(new)} of them new")
    if found.report.problem_count:
        raise HeadEndError(f"{found.report.problem_count} lines were left out")


async def _export(data: bytes, path: Path | None) -> None:
    if path is None:
        sys.stdout.buffer.write(data)
        return
    try:
        await asyncio.to_thread(write_atomically, path, data, EVERYBODY_READS)
    except OSError as error:
        raise HeadEndError(f"cannot write {path}: {error.strerror or error}") from error


def read_file(path: Path, most: int) -> bytes:
    """Read a file, and a byte more than is allowed. Raise `HeadEndError`."""
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise HeadEndError(f"cannot read {path}: {error.strerror or error}") from error


def told(report: ImportReport) -> None:
    """Say what is wrong with a file."""
    for text in (*report.warnings, *map(str, report.problems)):
        print(text, file=sys.stderr)
