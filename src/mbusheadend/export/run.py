"""Writing a source in a form."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from mbusheadend.errors import HeadEndError
from mbusheadend.export.forms import CsvFile, Form, JsonFile, Writer
from mbusheadend.export.sources import Source

P = TypeVar("P")


async def export(
    source: Source[P],
    form: Form,
    *,
    is_marked: bool = False,
    progress: Callable[[int], None] = lambda rows: None,
) -> AsyncGenerator[bytes, None]:
    """Give a file in pieces of some hundred readings each; what the pieces raise is a `StoreError`.

    Raise `HeadEndError` where this source cannot be had in this form.

    :param is_marked: begin CSV with a byte order mark, for spreadsheets.
    :param progress: is told how many rows were made.
    """
    writer = await asyncio.to_thread(writer_of, source, form, is_marked=is_marked)
    return _pieces(source, writer, progress)


async def _pieces(
    source: Source[P], writer: Writer, progress: Callable[[int], None]
) -> AsyncGenerator[bytes, None]:
    begin = writer.begin()
    if begin:
        yield begin
    rows = 0
    async for page in source.pages():
        count, piece = await asyncio.to_thread(_made, source, writer, page)
        rows += count
        progress(rows)
        if piece:
            yield piece
    end = await asyncio.to_thread(writer.end)
    if end:
        yield end


def _made(source: Source[P], writer: Writer, page: P) -> tuple[int, bytes]:
    rows = tuple(source.rows(page))
    return len(rows), writer.write(rows)


def writer_of(source: Source[P], form: Form, *, is_marked: bool = False) -> Writer:
    """Give what writes a source; raise `HeadEndError`."""
    match form:
        case Form.CSV:
            return CsvFile(source.columns, is_marked=is_marked)
        case Form.JSON:
            return JsonFile(source.columns)
        case Form.PARQUET:
            from mbusheadend.export.parquet import ParquetFile

            if source.is_wide:
                raise HeadEndError(
                    "a Parquet file has one row per value; one column per register is for CSV and JSON"
                )
            return ParquetFile(source.columns)
