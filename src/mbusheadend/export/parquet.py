"""Parquet, by the library of its makers: imported only when somebody wants it, for it is big (the extra ``parquet``)."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from mbusheadend.decoding.exact import DIGITS, FRACTION, exact_number
from mbusheadend.errors import HeadEndError
from mbusheadend.export.columns import Cell, Column, Kind, Row

GROUP: Final = 50_000
"""Rows that are in memory, and then in the file, as one group."""


class ParquetFile:
    """Columns as they are; a value makes three: ``…_number`` is an exact decimal, ``…_real`` a float as the meter sent it.

    ``…_text`` has each value as it stands in a CSV file, so also a decimal that has too many digits. Raise `HeadEndError` where
    the library is not installed.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise HeadEndError(
                "this head-end was installed without Parquet: install the extra `parquet` of its package, "
                "or take CSV or JSON"
            ) from None
        self._arrow: Any = pyarrow
        self._parts = [
            part for place, column in enumerate(columns) for part in _parts(pyarrow, place, column)
        ]
        self._schema = pyarrow.schema([(name, kind) for name, kind, _, _ in self._parts])
        self._sink = _Sink()
        self._writer = pyarrow.parquet.ParquetWriter(
            pyarrow.PythonFile(self._sink, mode="w"), self._schema, compression="zstd"
        )
        self._rows: list[Row] = []

    def begin(self) -> bytes:
        """See `mbusheadend.export.forms.Writer`."""
        return self._sink.taken()

    def write(self, rows: Iterable[Row]) -> bytes:
        """See the same."""
        for row in rows:
            self._rows.append(row)
            if len(self._rows) == GROUP:
                self._flush()
        return self._sink.taken()

    def end(self) -> bytes:
        """See the same."""
        self._flush()
        self._writer.close()
        return self._sink.taken()

    def _flush(self) -> None:
        if not self._rows:
            return
        arrays = [
            self._arrow.array([change(row[place]) for row in self._rows], type=kind)
            for _, kind, place, change in self._parts
        ]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        self._rows.clear()


class _Sink:
    """A file that hands on what is written into it."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._place = 0

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._place += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._place

    def flush(self) -> None:
        """There is nothing behind it."""

    def close(self) -> None:
        self.closed = True

    def taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


Part = tuple[str, Any, int, Callable[[Cell], Any]]
"""A column of the file: name, type, place in the row, and what is made of the cell there."""


def _parts(arrow: Any, place: int, column: Column) -> list[Part]:
    if column.kind is Kind.VALUE:
        kinds = {
            "number": (arrow.decimal128(DIGITS, FRACTION), _number),
            "real": (arrow.float64(), _real),
            "text": (arrow.string(), _text),
        }
        return [(f"{column.name}_{word}", kind, place, change) for word, (kind, change) in kinds.items()]
    kind = {
        Kind.TEXT: arrow.string(),
        Kind.WHOLE: arrow.int64(),
        Kind.FLAG: arrow.bool_(),
        Kind.MOMENT: arrow.timestamp("ms", tz="UTC"),
        Kind.LOCAL: arrow.timestamp("ms"),
    }[column.kind]
    return [(column.name, kind, place, _as_it_is)]


def _as_it_is(cell: Cell) -> Cell:
    return cell


def _number(cell: Cell) -> Decimal | None:
    return None if isinstance(cell, datetime) else exact_number(cell)


def _real(cell: Cell) -> float | None:
    return cell if isinstance(cell, float) else None


def _text(cell: Cell) -> str | None:
    if isinstance(cell, Decimal):
        return format(cell, "f")
    return None if cell is None or isinstance(cell, datetime) else str(cell)
