"""Values of one record in many telegrams at once, by numpy: exact whole numbers with a power of ten, floats, dates.

What has no such value — an invalid number, a date that stands for several days — is marked, and the reader of the plain way says
what it is. Rows are telegrams, all of one layout and length, one behind the other in one buffer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from mbus.application.column import Column
from mbus.application.datatypes import Reading
from mbus.application.layout import How
from mbus.application.scaling import real_ratio

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

_WIDEST: Final = 63
"""Bits of a whole number that an int64 can hold."""
_CENTURIES: Final = 4
_SUMMER: Final = {How.DATE_TIME: (1, 0x80), How.DATE_TIME_SECONDS: (0, 0x40)}
"""Byte and bit that say that a time is summer time."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Frames of one length, one behind the other.

    :ivar start: of the data behind the CI field in each frame.
    """

    buffer: bytes
    count: int
    length: int
    start: int

    def field(self, kind: str, offset: int) -> NDArray[Any]:
        """Look at a number of each row: its kind in the words of numpy, and where in the data it begins."""
        import numpy

        return numpy.ndarray(
            (self.count,), kind, self.buffer, offset=self.start + offset, strides=(self.length,)
        )

    def frame(self, row: int) -> bytes:
        """Give one frame."""
        return self.buffer[row * self.length : (row + 1) * self.length]

    def data(self, row: int, column: Column) -> bytes:
        """Give the data of one record of one frame."""
        begin = row * self.length + self.start + column.start
        return self.buffer[begin : begin + column.size]


@dataclass(frozen=True, slots=True)
class Values:
    """A record's values, one for each telegram of a group.

    :ivar array: int64 (uint64 for eight bytes without sign), float64 where the meter sends floats, datetime64 without zone: as
        the meter's clock has it.
    :ivar exponent: the value is ``array · 10^exponent``, exactly; 0 for anything but whole numbers.
    :ivar valid: where `array` holds the value.
    :ivar summer: where a time is marked as summer time; None where the record has no such mark.
    """

    column: Column
    array: NDArray[Any]
    exponent: int
    valid: NDArray[numpy.bool_]
    summer: NDArray[numpy.bool_] | None
    rows: Rows

    def reading(self, row: int) -> Reading:
        """Give value, status and labels as a record has them; this is for rows that are not `valid`."""
        return self.column.read(self.rows.data(row, self.column))

    def floats(self) -> NDArray[numpy.float64]:
        """Give whole numbers as floats, the nearest ones for up to 15 digits; "not a number" where there is none."""
        import numpy

        array = self.array.astype(numpy.float64)
        scaled = array * 10.0**self.exponent if self.exponent > 0 else array / 10.0**-self.exponent
        return numpy.where(self.valid, scaled, numpy.nan)


def values_of(column: Column, rows: Rows) -> Values | None:
    """Read a column; None where its values have no array: texts, what does not fit 64 bits, what has an offset."""
    how = column.how
    if how in (How.SIGNED, How.UNSIGNED, How.BITS, How.BCD):
        return _whole(column, rows)
    if how is How.REAL:
        return _real(column, rows)
    if how in (How.DATE, How.DATE_TIME, How.DATE_TIME_SECONDS):
        return _moment(column, rows)
    return None


def _whole(column: Column, rows: Rows) -> Values | None:
    meaning = column.meaning
    factor, exponent = (1, 0) if column.how is How.BITS else (meaning.factor, meaning.exponent)
    if column.how is not How.BITS and meaning.offset:
        return None
    multiplier: int = factor * 10 ** max(exponent, 0)
    bits = 8 * column.size + multiplier.bit_length() - (multiplier == 1)
    if multiplier > 1 and bits > _WIDEST:
        return None
    array, valid = _digits(column, rows) if column.how is How.BCD else _binary(column, rows)
    if multiplier > 1:
        array = array * multiplier
    return Values(column, array, min(exponent, 0), valid, None, rows)


def _binary(column: Column, rows: Rows) -> tuple[NDArray[Any], NDArray[numpy.bool_]]:
    import numpy

    sign = "i" if column.how is How.SIGNED else "u"
    size, start = column.size, column.start
    wide = numpy.uint64 if sign == "u" and size == 8 else numpy.int64
    if size in (1, 2, 4, 8):
        array = rows.field(f"<{sign}{size}", start).astype(wide)
    else:
        low = 2 if size == 3 else 4
        high = rows.field(f"<{sign}{size - low}", start + low).astype(wide)
        array = high << 8 * low | rows.field(f"<u{low}", start)
    if column.how is How.BITS:
        return array, numpy.ones(rows.count, numpy.bool_)
    invalid = -1 << (8 * size - 1) if sign == "i" else (1 << 8 * size) - 1
    return array, array != wide(invalid)


def _digits(column: Column, rows: Rows) -> tuple[NDArray[Any], NDArray[numpy.bool_]]:
    array, valid = _decimal(column, rows, 0xFF)
    if valid.all():
        return array, valid
    # The top digit F is a minus sign.
    negative, is_decimal = _decimal(column, rows, 0x0F)
    is_negative = is_decimal & (rows.field("u1", column.start + column.size - 1) >> 4 == 0x0F)
    array[is_negative] = -negative[is_negative]
    return array, valid | is_negative


def _decimal(column: Column, rows: Rows, top: int) -> tuple[NDArray[Any], NDArray[numpy.bool_]]:
    """Sum up the digits, those of the last byte under the mask `top`; say where all of them are digits."""
    import numpy

    array = numpy.zeros(rows.count, numpy.int64)
    valid = numpy.ones(rows.count, numpy.bool_)
    for offset in range(0, column.size, 2):
        width = min(2, column.size - offset)
        part = rows.field(f"<u{width}", column.start + offset)
        if offset + width == column.size and top != 0xFF:
            part = part & (top if width == 1 else top << 8 | 0xFF)
        digits = _digit_table()[part]
        valid &= digits >= 0
        array += digits * numpy.int64(100**offset)
    return array, valid


@cache
def _digit_table() -> NDArray[numpy.int16]:
    """Give the number that each two bytes of BCD are, -1 where they are none."""
    import numpy

    codes = numpy.arange(1 << 16, dtype=numpy.int32)
    nibbles = [codes >> shift & 0x0F for shift in (0, 4, 8, 12)]
    is_decimal = numpy.logical_and.reduce([nibble < 10 for nibble in nibbles])
    number = numpy.sum([nibble * 10**place for place, nibble in enumerate(nibbles)], axis=0)
    return numpy.where(is_decimal, number, -1).astype(numpy.int16)


def _real(column: Column, rows: Rows) -> Values | None:
    import numpy

    ratio = real_ratio(column.meaning.factor, column.meaning.exponent, column.meaning.offset)
    if ratio is None:
        return None
    with numpy.errstate(invalid="ignore"):
        # Of what is no number: one that signals, too.
        array = rows.field("<f4", column.start).astype(numpy.float64)
    valid = numpy.isfinite(array)
    return Values(column, array * ratio[0] / ratio[1], 0, valid, None, rows)


def _moment(column: Column, rows: Rows) -> Values:
    import numpy

    start, how = column.start, column.how
    if how is How.DATE:
        array = _days()[rows.field("<u2", start)]
        return Values(column, array, 0, ~numpy.isnat(array), None, rows)
    first, second = rows.field("u1", start), rows.field("u1", start + 1)
    if how is How.DATE_TIME:
        century = (second >> 5 & 3).astype(numpy.int64)
        days = _days()[century << 16 | rows.field("<u2", start + 2)]
        seconds, minutes, hours = numpy.zeros(rows.count, numpy.int64), first, second
        is_marked = first & 0x80
    else:
        days = _days()[rows.field("<u2", start + 3)]
        seconds, minutes, hours = (first & 0x3F).astype(numpy.int64), second, rows.field("u1", start + 2)
        is_marked = second & 0x80
    minutes = (minutes & 0x3F).astype(numpy.int64)
    hours = (hours & 0x1F).astype(numpy.int64)
    array = days.astype("datetime64[s]") + (hours * 3600 + minutes * 60 + seconds).astype("timedelta64[s]")
    valid = ~numpy.isnat(days) & (hours < 24) & (minutes < 60) & (seconds < 60) & (is_marked == 0)
    place, bit = _SUMMER[how]
    summer = rows.field("u1", start + place) & bit != 0
    return Values(column, array, 0, valid, summer, rows)


@cache
def _days() -> NDArray[numpy.datetime64]:
    """Give the day of each two bytes of types F, G and I, for each of the four centuries of type F; "not a time" where there is
    none, or where one of the fields says "every"."""
    import numpy

    codes = numpy.arange(_CENTURIES << 16, dtype=numpy.int64)
    century, low, high = codes >> 16, codes & 0xFF, codes >> 8 & 0xFF
    day, month, short = low & 0x1F, high & 0x0F, low >> 5 | high >> 1 & 0x78
    year = numpy.where((century == 0) & (short <= 80), 2000 + short, 1900 + 100 * century + short)
    is_month = (month >= 1) & (month <= 12) & (short <= 99)
    first = ((year - 1970) * 12 + numpy.where(is_month, month - 1, 0)).astype("datetime64[M]")
    days = first.astype("datetime64[D]") + (day - 1).astype("timedelta64[D]")
    is_day = is_month & (day >= 1) & (days.astype("datetime64[M]") == first)
    return numpy.where(is_day, days, numpy.datetime64("NaT"))
