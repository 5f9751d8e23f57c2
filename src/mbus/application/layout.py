"""The layout of records, apart from their data: blocks understood once and kept, and the reader that unpacks data behind them.

Meters send the same blocks again and again, and different meters share most of them. Bounded caches keep what a *block* means,
so that a record costs two look-ups and one call of a reader, also in a telegram whose layout was never seen.
"""

from functools import lru_cache
from typing import Final

from mbus.addressing import SecondaryAddress
from mbus.application import datatypes, moments
from mbus.application.datatypes import Reader, Reading
from mbus.application.dib import BCD, BINARY, NO_DATA, REAL, SELECTION, SIZES, VARIABLE, Dib
from mbus.application.scaling import real_scaler, scaler
from mbus.application.vib import Vib, resolve_vib
from mbus.tables.rows import Rule

KEPT_BLOCKS: Final = 4096
"""Bound of each cache: hostile blocks push out others and cost time, never memory."""

_MOMENTS: Final[dict[int, Reader]] = {
    2: moments.date,
    3: moments.time_of_day,
    4: moments.date_time,
    6: moments.date_time_seconds,
}
_DATE_SIZES: Final = {
    Rule.DATE: (2,),
    Rule.MOMENT: (3, 4, 6),
    Rule.ANY_DATE: (2, 3, 4, 6),
}


@lru_cache(KEPT_BLOCKS)
def dib_of(raw: bytes) -> Dib:
    """Understand a whole DIB."""
    return Dib.from_bytes(raw)


@lru_cache(KEPT_BLOCKS)
def column_of(vib: bytes, data_field: int, command: bool, text_last: bool) -> tuple[Vib, Reader]:
    """Understand a whole VIB and choose the reader for its data, which takes exactly the bytes of one data field.

    See `mbus.application.vib.resolve_vib` for the two choices.
    """
    meaning = resolve_vib(vib, command=command, text_last=text_last)
    return meaning, _reader(data_field, meaning)


def _reader(data_field: int, vib: Vib) -> Reader:
    if vib.secret:
        return datatypes.nothing("secret, not shown")
    if vib.error is not None:
        return datatypes.nothing(vib.error)
    if data_field == NO_DATA:
        return datatypes.nothing("no data")
    if data_field == SELECTION:
        return datatypes.nothing("selected for readout")
    if data_field == VARIABLE:
        return _variable(vib)
    if vib.rule in _DATE_SIZES:
        return _moment(data_field, vib.rule)
    return _number(data_field, vib)


def _moment(data_field: int, rule: Rule) -> Reader:
    size = SIZES[data_field]
    if data_field not in BINARY or size not in _DATE_SIZES[rule]:
        return datatypes.nothing("no date or time has this data field")
    return _MOMENTS[size]


def _number(data_field: int, vib: Vib) -> Reader:
    size = SIZES[data_field] or 0
    if vib.rule is Rule.RAW:
        return datatypes.hexadecimal
    if vib.rule is Rule.DAYLIGHT and size == 4:
        return moments.daylight_saving
    if data_field == REAL:
        return datatypes.real(real_scaler(vib.factor, vib.exponent, vib.offset))
    if vib.rule is Rule.IDENTITY and size == 8:
        return _identity
    scale = scaler(vib.factor, vib.exponent, vib.offset)
    if data_field in BCD:
        return datatypes.bcd(scale)
    if vib.rule is Rule.BITS:
        return datatypes.bits
    if vib.rule in (Rule.UNSIGNED, Rule.IDENTITY):
        return datatypes.unsigned(size, scale)
    return datatypes.signed(size, scale)


def _identity(raw: bytes) -> Reading:
    return str(SecondaryAddress.from_bytes(raw)), None, ()


def _variable(vib: Vib) -> Reader:
    """Build the reader of a variable length: its first byte chooses among text, BCD and binary (MBUS.md 5.3)."""
    scale = scaler(vib.factor, vib.exponent, vib.offset)
    decimal = datatypes.bcd(scale)
    negative = datatypes.bcd(lambda number: scale(-number))
    opaque = vib.rule in (Rule.RAW, Rule.DAYLIGHT) or vib.rule in _DATE_SIZES

    def read(raw: bytes) -> Reading:
        kind, content = raw[0], raw[1:]
        if not content:
            return datatypes.EMPTY
        if opaque:
            return datatypes.hexadecimal(content)
        if kind <= 0xBF:
            return datatypes.text(content)
        if kind <= 0xC9:
            return decimal(content)
        if kind <= 0xD9:
            return negative(content)
        if kind >= 0xF0:
            return datatypes.hexadecimal(content[::-1])
        return datatypes.signed(len(content), scale)(content)

    return read
