"""CSV that is safe to open in a spreadsheet (MBUS.md 10.2) and to show on a terminal."""

import csv
import re
import sys
from collections.abc import Iterable
from decimal import Decimal
from typing import TextIO

_STEERING = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def cell(value: object) -> str:
    """Give a cell's text without control characters; one that a spreadsheet would take for a formula gets an apostrophe in front.

    Numbers stay numbers, also negative ones.
    """
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    text = _STEERING.sub("·", str(value))
    if isinstance(value, str) and text.startswith(_FORMULA):
        return f"'{text}"
    return text


class CsvWriter:
    """Rows with a header (RFC 4180), written as they come."""

    def __init__(self, columns: Iterable[str], file: TextIO | None = None) -> None:
        self._columns = tuple(columns)
        self._file = file or sys.stdout
        self._writer = csv.writer(self._file)
        self._writer.writerow(self._columns)

    def row(self, values: dict[str, object]) -> None:
        """Write the named values; the others stay empty."""
        self._writer.writerow([cell(values.get(column)) for column in self._columns])
        self._file.flush()
