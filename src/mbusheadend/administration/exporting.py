"""``mbusheadend export``."""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

from mbusheadend.errors import HeadEndError
from mbusheadend.export import Consumed, Form, Registers, Source, Values, choose_meters, export
from mbusheadend.judging.consumption import Period
from mbusheadend.settings import Settings
from mbusheadend.state import stored_in, utc_now
from mbusheadend.store import Store
from mbusio.files import temporary_path

BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
YEAR: Final = timedelta(days=365)


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Write the file. Raise `HeadEndError` or `StoreError`."""
    form = Form(options.form)
    if form is Form.PARQUET and options.output is None and sys.stdout.isatty():
        raise HeadEndError("Parquet is not for a terminal: name a file with --output")
    async with stored_in(settings) as store:
        source = await _source(store, options)
        is_told = options.output is not None and sys.stderr.isatty()
        pieces = await export(
            source, form, is_marked=options.mark, progress=_progress if is_told else lambda rows: None
        )
        async with aclosing(pieces):
            await write_pieces(pieces, options.output)
    if is_told:
        print(file=sys.stderr)


async def _source(store: Store, options: argparse.Namespace) -> Source[Any]:
    meters = await choose_meters(store, meters=options.meter, groups=options.group, masters=options.master)
    until: datetime = options.until or utc_now()
    if options.consumption is not None:
        if options.wide:
            raise HeadEndError("--wide is for readings, --consumption has a form of its own")
        since = options.since or until - YEAR
        return Consumed(
            store, meters, since, until, Period(options.consumption), options.zone, options.register
        )
    since = options.since or BEGINNING
    if options.wide:
        return await Registers.open(store, meters, since, until, options.register)
    return Values(store, meters, since, until, options.register)


async def write_pieces(pieces: AsyncGenerator[bytes, None], path: Path | None) -> None:
    """Write pieces into a file, which takes its name when it is whole, or to standard output. Raise `HeadEndError`."""
    if path is None:
        try:
            await _write(pieces, sys.stdout.buffer)
        except BrokenPipeError:
            # Whoever read it has seen enough; nothing more may be written at the end of the process.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    temporary = temporary_path(path)
    try:
        with temporary.open("wb") as file:
            await _write(pieces, file)
        os.replace(temporary, path)
    except OSError as error:
        raise HeadEndError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


async def _write(pieces: AsyncGenerator[bytes, None], file: BinaryIO) -> None:
    async for piece in pieces:
        await asyncio.to_thread(file.write, piece)
    file.flush()


def _progress(rows: int) -> None:
    print(f"\r{rows} rows", end="", file=sys.stderr, flush=True)
