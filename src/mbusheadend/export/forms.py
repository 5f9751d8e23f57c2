"""The forms of files, each with its writer."""

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final, Protocol

from mbus.application.as_json import dumps
from mbusheadend.export.columns import Cell, Column, Row
from mbusio.csvtext import cell as guarded

REPEATED: Final = 4096
"""Cells whose text is remembered: in one reading most of them are the same in each row."""


class Form(StrEnum):
    """In which form a file is."""

    CSV = "csv"
    JSON = "json"
    """Lines of JSON, one object per row."""
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """For HTTP."""
        return _MEDIA_TYPES[self]

    @property
    def suffix(self) -> str:
        """Of names of files."""
        return ".jsonl" if self is Form.JSON else f".{self.value}"


_MEDIA_TYPES: Final = {
    Form.CSV: "text/csv; charset=utf-8; header=present",
    Form.JSON: "application/x-ndjson",
    Form.PARQUET: "application/vnd.apache.parquet",
}


class Writer(Protocol):
    """Makes bytes of rows; used by one thread at a time."""

    def begin(self) -> bytes:
        """Give what stands in front of the first row."""

    def write(self, rows: Iterable[Row]) -> bytes:
        """Give the next piece, which may be empty: then the rows are in the next one."""

    def end(self) -> bytes:
        """Give what stands behind the last row."""


class CsvFile:
    """RFC 4180: commas, CR LF, UTF-8, names in the first line; numbers with all their digits; no cell is a formula.

    :param is_marked: begin with a byte order mark, which spreadsheets need to read letters beyond ASCII.
    """

    def __init__(self, columns: Sequence[Column], *, is_marked: bool = False) -> None:
        self._columns = columns
        self._is_marked = is_marked

    def begin(self) -> bytes:
        """See `Writer`."""
        text = _csv([[guarded(column.name) for column in self._columns]])
        return (b"\xef\xbb\xbf" if self._is_marked else b"") + text

    def write(self, rows: Iterable[Row]) -> bytes:
        """See `Writer`."""
        return _csv([_csv_cell(one) for one in row] for row in rows)

    def end(self) -> bytes:
        """See `Writer`."""
        return b""


class JsonFile:
    """An object per line; what is not there is null; numbers have all their digits (a reader that makes floats rounds them)."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._fronts = [
            f"{', ' if place else ''}{dumps(column.name)}: " for place, column in enumerate(columns)
        ]

    def begin(self) -> bytes:
        """See `Writer`."""
        return b""

    def write(self, rows: Iterable[Row]) -> bytes:
        """See `Writer`."""
        parts: list[str] = []
        for row in rows:
            parts.append("{")
            for front, one in zip(self._fronts, row, strict=True):
                parts += (front, _JSON_CELLS[one.__class__](one))
            parts.append("}\n")
        return "".join(parts).encode()

    def end(self) -> bytes:
        """See `Writer`."""
        return b""


@lru_cache(REPEATED)
def moment_text(moment: datetime) -> str:
    """Write a moment: ``2026-11-23T04:05:06.789Z``; one without a zone, as a meter tells it, without the ``Z``."""
    if moment.tzinfo is None:
        return moment.isoformat(timespec="seconds")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _csv(rows: Iterable[list[str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\r\n").writerows(rows)
    return file.getvalue().encode()


def _csv_cell(one: Cell) -> str:
    return _CSV_CELLS[one.__class__](one)


_CSV_CELLS: Final[dict[type, Callable[..., str]]] = {
    str: lru_cache(REPEATED)(guarded),
    int: str,
    type(None): lambda one: "",
    bool: lambda one: "yes" if one else "no",
    datetime: moment_text,
    Decimal: lambda one: format(one, "f"),
    float: repr,
}


_JSON_CELLS: Final[dict[type, Callable[..., str]]] = {
    str: lru_cache(REPEATED)(dumps),
    int: str,
    type(None): lambda one: "null",
    bool: lambda one: "true" if one else "false",
    datetime: lambda one: f'"{moment_text(one)}"',
    Decimal: lambda one: format(one, "f"),
    float: lambda one: repr(one) if math.isfinite(one) else "null",
}
