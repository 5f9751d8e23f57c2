"""The values of a telegram of known layout: most of its numbers at once, the rest one after the other.

The quick way is for numbers that are valid. Where one is not, the reader of the plain way is asked.
"""

from binascii import hexlify
from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import eq
from struct import Struct
from typing import Final

from mbus.application.column import Column
from mbus.application.datatypes import Reader, Value
from mbus.application.layout import How
from mbus.application.scaling import EXACT

_FORMATS: Final = {
    How.SIGNED: {1: "b", 2: "h", 4: "i", 8: "q"},
    How.UNSIGNED: {1: "B", 2: "H", 4: "I", 8: "Q"},
    How.BITS: {1: "B", 2: "H", 4: "I", 8: "Q"},
}
_scaleb: Final = EXACT.scaleb

Values = tuple[Sequence[Value], Sequence[str | None], Sequence[tuple[str, ...]]]
"""Of each record the value, why there is none, and the labels that only this value has."""


class ValueReader:
    """Reads the values of all columns of a layout.

    :param size: of the data that the columns are part of.
    :ivar quick: places of the columns that `numbers` reads, in its order.
    """

    def __init__(self, columns: Sequence[Column], size: int) -> None:
        numbered = list(enumerate(columns))
        binary = [(place, column) for place, column in numbered if _format_of(column) is not None]
        decimal = [
            (place, column) for place, column in numbered if column.how is How.BCD and _is_quick(column)
        ]
        quick = [*binary, *reversed(decimal)]
        self._readers: tuple[Reader, ...] = tuple(column.read for column in columns)
        self._binary = Struct(
            _pieces((column.start, column.size, _format_of(column)) for _, column in binary)
        ).unpack_from
        self._invalid = tuple(_invalid(column) for _, column in binary)
        self._digits = Struct(
            _pieces(
                (2 * (size - column.start - column.size), 2 * column.size, f"{2 * column.size}s")
                for _, column in reversed(decimal)
            )
        ).unpack_from
        self._has_digits = bool(decimal)
        self._whole = tuple(
            (number, place, _multiplier(column))
            for number, (place, column) in enumerate(quick)
            if column.meaning.exponent >= 0 or column.how is How.BITS
        )
        self._scaled = tuple(
            (number, place, 10**-column.meaning.exponent, Decimal(column.meaning.exponent))
            for number, (place, column) in enumerate(quick)
            if column.meaning.exponent < 0 and column.how is not How.BITS
        )
        self.quick = tuple(place for place, _ in quick)
        self._others = tuple((place, column.read) for place, column in numbered if place not in self.quick)
        self._blank: list[Value] = [None] * len(columns)
        self._no_statuses: tuple[str | None, ...] = (None,) * len(columns)
        self._no_labels: tuple[tuple[str, ...], ...] = ((),) * len(columns)

    def numbers(self, data: bytes) -> tuple[int, ...] | None:
        """Read the numbers of the columns `quick`, not scaled; None where one of them is not valid."""
        numbers: tuple[int, ...] = self._binary(data)
        if True in map(eq, numbers, self._invalid):
            return None
        if self._has_digits:
            digits = self._digits(hexlify(data[::-1]))
            if not b"".join(digits).isdigit():
                return None
            numbers += tuple(map(int, digits))
        return numbers

    def read(self, data: bytes, pieces: Sequence[bytes]) -> Values:
        """Read the values; `pieces` are the data of each record."""
        numbers: Sequence[int] | None = self.numbers(data)
        others = self._others
        if numbers is None:
            numbers, invalid = self.numbers_and_invalid(data)
            others = (*others, *((place, self._readers[place]) for place in invalid))
        values = self._blank.copy()
        for number, place, multiplier in self._whole:
            values[place] = numbers[number] * multiplier
        for number, place, divisor, exponent in self._scaled:
            mantissa = numbers[number]
            values[place] = _scaleb(mantissa, exponent) if mantissa % divisor else mantissa // divisor
        statuses, labels = self._no_statuses, self._no_labels
        for place, read in others:
            values[place], status, label = read(pieces[place])
            if status is not None:
                statuses = (*statuses[:place], status, *statuses[place + 1 :])
            if label:
                labels = (*labels[:place], label, *labels[place + 1 :])
        return values, statuses, labels

    def numbers_and_invalid(self, data: bytes) -> tuple[Sequence[int], Sequence[int]]:
        """Read the numbers as `numbers` does, anything where one is not valid, and tell the places of those columns."""
        numbers = list(self._binary(data))
        bad = [
            place
            for place, number, invalid in zip(self.quick, numbers, self._invalid, strict=False)
            if number == invalid
        ]
        digits = self._digits(hexlify(data[::-1])) if self._has_digits else ()
        for place, text in zip(self.quick[len(numbers) :], digits, strict=True):
            if text.isdigit():
                numbers.append(int(text))
            else:
                numbers.append(0)
                bad.append(place)
        return numbers, bad


def _is_quick(column: Column) -> bool:
    """Tell whether a valid number is scaled by one power of ten and, where it stays whole, a factor."""
    meaning = column.meaning
    return bool(column.size) and not meaning.offset and (meaning.exponent >= 0 or meaning.factor == 1)


def _format_of(column: Column) -> str | None:
    """Give the letter of `struct` for a number that can be read at once; None where there is none."""
    if column.how is How.BITS or _is_quick(column):
        return _FORMATS.get(column.how, {}).get(column.size)
    return None


def _invalid(column: Column) -> int | None:
    """Give the number that the type reserves for "invalid"."""
    if column.how is How.SIGNED:
        return -1 << (8 * column.size - 1)
    return (1 << 8 * column.size) - 1 if column.how is How.UNSIGNED else None


def _multiplier(column: Column) -> int:
    if column.how is How.BITS:
        return 1
    multiplier: int = column.meaning.factor * 10**column.meaning.exponent
    return multiplier


def _pieces(parts: Iterable[tuple[int, int, str | None]]) -> str:
    """Say in the words of `struct` what stands where: start, size and letter of each."""
    words, position = ["<"], 0
    for start, size, letter in parts:
        words.append(f"{start - position}x{letter}")
        position = start + size
    return "".join(words)
