"""What the telegrams of readings say, as the columns `headers` and `records`, and back."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa

from mbus.application.datatypes import Value
from mbusheadend.archive.schema import HEADER, HEADERS, RECORD, RECORDS
from mbusheadend.decoding.exact import exact_number
from mbusheadend.decoding.naming import register_name
from mbusheadend.decoding.registers import KEPT, Register
from mbusheadend.decoding.telegrams import Decoded
from mbusheadend.decoding.values import Measured

_OF_REGISTER: Final = (
    "register", "function", "storage", "tariff", "subunit", "quantity", "unit", "modifiers", "occurrence",
)  # fmt: skip
_OF_VALUE: Final = ("number", "real", "text", "status", "labels")


def decoded_arrays(readings: Iterable[Sequence[Decoded]]) -> tuple[Any, Any]:
    """Give the columns `headers` and `records` of readings."""
    columns = _Columns()
    for decoded in readings:
        columns.add(decoded)
    return columns.headers(), columns.records()


class _Columns:
    """Cells of many readings. What a register is stands once, and is spread over the rows at the end."""

    def __init__(self) -> None:
        self._header_ends = [0]
        self._headers: tuple[list[Any], ...] = ([], [], [])
        self._record_ends = [0]
        self._telegrams: list[int] = []
        self._places: list[int] = []
        self._registers: dict[Register, int] = {}
        self._values: tuple[list[Any], ...] = ([], [], [], [], [])

    def add(self, decoded: Sequence[Decoded]) -> None:
        access_numbers, statuses, errors = self._headers
        numbers, reals, texts, doubts, labels = self._values
        registers = self._registers
        for telegram, one in enumerate(decoded, 1):
            access_numbers.append(one.access_number)
            statuses.append(one.status)
            errors.append(one.error or None)
            for register, value, doubt, own in one.values:
                self._places.append(registers.setdefault(register, len(registers)))
                number = exact_number(value)
                real = value if number is None and isinstance(value, float) else None
                numbers.append(number)
                reals.append(real)
                texts.append(None if value is None or number is not None or real is not None else str(value))
                doubts.append(doubt)
                labels.append(own)
            self._telegrams.extend([telegram] * len(one.values))
        self._header_ends.append(len(access_numbers))
        self._record_ends.append(len(self._places))

    def headers(self) -> Any:
        arrays = [
            pa.array(cells, type=field.type) for cells, field in zip(self._headers, HEADER, strict=True)
        ]
        return _lists(self._header_ends, pa.StructArray.from_arrays(arrays, fields=list(HEADER)), HEADERS)

    def records(self) -> Any:
        places = pa.array(self._places, type=pa.int32())
        words = [(register_name(one), *one) for one in self._registers]
        arrays = {"telegram": pa.array(self._telegrams, type=RECORD.field("telegram").type)}
        for place, name in enumerate(_OF_REGISTER):
            column = pa.array([row[place] for row in words], type=RECORD.field(name).type)
            arrays[name] = column.take(places)
        for name, cells in zip(_OF_VALUE, self._values, strict=True):
            arrays[name] = pa.array(cells, type=RECORD.field(name).type)
        fields = list(RECORD)
        struct = pa.StructArray.from_arrays([arrays[field.name] for field in fields], fields=fields)
        return _lists(self._record_ends, struct, RECORDS)


def _lists(ends: list[int], values: Any, kind: Any) -> Any:
    return pa.ListArray.from_arrays(pa.array(ends, type=pa.int32()), values, type=kind)


def decoded_rows(headers: Any, records: Any) -> Iterator[tuple[Decoded, ...]]:
    """Give of each row what its telegrams said.

    A number comes back as the whole number or decimal that it was; one with more digits than the column has, as a text.
    """
    for heads, values in zip(headers.to_pylist(), records.to_pylist(), strict=True):
        found: list[list[Measured]] = [[] for _ in heads]
        for value in values:
            found[value["telegram"] - 1].append(_measured(value))
        yield tuple(
            Decoded(head["access_number"], head["status"], head["error"] or "", tuple(measured))
            for head, measured in zip(heads, found, strict=True)
        )


def _measured(cells: dict[str, Any]) -> Measured:
    register = _register(
        cells["function"], cells["storage"], cells["tariff"], cells["subunit"], cells["quantity"], cells["unit"],
        tuple(cells["modifiers"]), cells["occurrence"],
    )  # fmt: skip
    return Measured(register, _value(cells), cells["status"], tuple(cells["labels"]))


@lru_cache(KEPT)
def _register(*parts: Any) -> Register:
    return Register(*parts)


def _value(cells: dict[str, Any]) -> Value:
    number: Decimal | None = cells["number"]
    if number is not None:
        whole = int(number)
        return whole if whole == number else number.normalize()
    real: float | None = cells["real"]
    text: str | None = cells["text"]
    return text if real is None else real
