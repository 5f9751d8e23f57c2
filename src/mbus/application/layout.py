"""The layout of records, apart from their data: blocks understood once and kept, and the reader that unpacks data behind them.

Meters send the same blocks again and again, and different meters share most of them. Bounded caches keep what a *block* means,
so that a record costs two look-ups and one call of a reader, also in a telegram whose layout was never seen.
"""

from enum import Enum, auto
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


class How(Enum):
    """How the data behind a block are read."""

    NOTHING = auto()
    """Whatever they are, they give no value."""
    DATE = auto()
    """Type G."""
    TIME_OF_DAY = auto()
    """Type J."""
    DATE_TIME = auto()
    """Type F."""
    DATE_TIME_SECONDS = auto()
    """Type I."""
    DAYLIGHT = auto()
    """Type K."""
    HEXADECIMAL = auto()
    IDENTITY = auto()
    """A secondary address."""
    REAL = auto()
    BCD = auto()
    BITS = auto()
    UNSIGNED = auto()
    SIGNED = auto()
    VARIABLE = auto()
    """As their first byte says."""


_MOMENTS: Final = {2: How.DATE, 3: How.TIME_OF_DAY, 4: How.DATE_TIME, 6: How.DATE_TIME_SECONDS}
"""By number of data bytes."""
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


def how_of(data_field: int, vib: Vib) -> How:
    """Tell how data are read by their data field and what the VIB says of them."""
    size = SIZES[data_field]
    if _why_nothing(data_field, vib) is not None:
        return How.NOTHING
    if data_field == VARIABLE:
        return How.VARIABLE
    if size is not None and vib.rule in _DATE_SIZES:
        return _MOMENTS[size]
    if vib.rule is Rule.RAW:
        return How.HEXADECIMAL
    if vib.rule is Rule.DAYLIGHT and size == 4:
        return How.DAYLIGHT
    if data_field == REAL:
        return How.REAL
    if vib.rule is Rule.IDENTITY and size == 8:
        return How.IDENTITY
    if data_field in BCD:
        return How.BCD
    if vib.rule is Rule.BITS:
        return How.BITS
    return How.UNSIGNED if vib.rule in (Rule.UNSIGNED, Rule.IDENTITY) else How.SIGNED


def _why_nothing(data_field: int, vib: Vib) -> str | None:
    if vib.secret:
        return "secret, not shown"
    if vib.error is not None:
        return vib.error
    if data_field == NO_DATA:
        return "no data"
    if data_field == SELECTION:
        return "selected for readout"
    if data_field == VARIABLE or vib.rule not in _DATE_SIZES:
        return None
    if data_field not in BINARY or SIZES[data_field] not in _DATE_SIZES[vib.rule]:
        return "no date or time has this data field"
    return None


def _reader(data_field: int, vib: Vib) -> Reader:
    how = how_of(data_field, vib)
    if how is How.NOTHING:
        return datatypes.nothing(_why_nothing(data_field, vib) or "no data")
    if how in _READERS:
        return _READERS[how]
    if how is How.VARIABLE:
        return _variable(vib)
    if how is How.REAL:
        return datatypes.real(real_scaler(vib.factor, vib.exponent, vib.offset))
    scale = scaler(vib.factor, vib.exponent, vib.offset)
    if how is How.BCD:
        return datatypes.bcd(scale)
    size = SIZES[data_field] or 0
    return datatypes.unsigned(size, scale) if how is How.UNSIGNED else datatypes.signed(size, scale)


def _identity(raw: bytes) -> Reading:
    return str(SecondaryAddress.from_bytes(raw)), None, ()


_READERS: Final[dict[How, Reader]] = {
    How.DATE: moments.date,
    How.TIME_OF_DAY: moments.time_of_day,
    How.DATE_TIME: moments.date_time,
    How.DATE_TIME_SECONDS: moments.date_time_seconds,
    How.DAYLIGHT: moments.daylight_saving,
    How.HEXADECIMAL: datatypes.hexadecimal,
    How.IDENTITY: _identity,
    How.BITS: datatypes.bits,
}
"""Those that need to know nothing but the data."""


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
