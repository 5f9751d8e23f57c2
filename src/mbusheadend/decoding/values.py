"""Values as bytes by a layout, and back: what comes out is what went in, in type, digits and text (DESIGN 3.9)."""

import struct
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from mbus.application.datatypes import Value
from mbus.application.records import Record
from mbus.application.scaling import EXACT
from mbusheadend.decoding import varint
from mbusheadend.decoding.errors import PackedError
from mbusheadend.decoding.registers import KEPT, Form, Kind, Layout, Register, layout_of_form, shape_of
from mbusheadend.decoding.varint import Source

_REAL: Final = struct.Struct("<d")
REAL_SIZE: Final = _REAL.size
_FIRST_SECOND: Final = datetime(2000, 1, 1)
_FIRST_DAY: Final = date(2000, 1, 1)
_SECOND: Final = timedelta(seconds=1)
_SECONDS_LENGTH: Final = len("2000-01-01T00:00:00")
_DAYS_LENGTH: Final = len("2000-01-01")
_EXPONENTS: Final = (-3, -6, -12)


class Measured(NamedTuple):
    """A value of a register.

    :ivar value: as `mbus.application.records.Record` has it.
    :ivar labels: that only this value has.
    """

    register: Register
    value: Value
    status: str | None
    labels: tuple[str, ...]


def measured_of(records: Iterable[Record]) -> tuple[Measured, ...]:
    """Give what records say, without what can be had again from the raw telegram only: their bytes."""
    records = tuple(records)
    fields = layout_of_form(pack(records)[0])
    return tuple(
        Measured(field.register, record.value, record.status, field.labels)
        for field, record in zip(fields, records, strict=True)
    )


def pack(records: Iterable[Record]) -> tuple[Form, bytes]:
    """Write the values of records; the form tells by which layout (`layout_of_form`)."""
    packed = bytearray()
    form = []
    for record in records:
        value, status = record.value, record.status
        static, exponent = shape_of(record)
        if status is not None:
            varint.append_counted(status.encode(), packed)
        if value.__class__ is int:
            kind, exponent = Kind.NUMBER, _append_int(value, exponent, packed)
        else:
            kind, exponent = append_value(value, exponent, packed)
        form.append((record[1:7], record.modifiers, len(static), kind, exponent, status is not None))
    return tuple(form), bytes(packed)


def pack_measured(values: Iterable[Measured]) -> tuple[Form, bytes]:
    """Write values that were read once, as `pack` does; which power of ten their records had is not known any more."""
    packed = bytearray()
    form = []
    for register, value, status, labels in values:
        if status is not None:
            varint.append_counted(status.encode(), packed)
        kind, exponent = append_value(*_even(value), packed)
        modifiers = register.modifiers
        form.append((register[:6], (*modifiers, *labels), len(modifiers), kind, exponent, status is not None))
    return tuple(form), bytes(packed)


def _even(value: Value) -> tuple[Value, int]:
    """Give a number few different powers of ten, so that a meter's values have few layouts."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return value, _EXPONENTS[0]
    digits = -int(value.normalize(EXACT).as_tuple().exponent)
    exponent = next((one for one in _EXPONENTS if digits <= -one), -digits)
    return EXACT.quantize(value, _quantum(exponent)), exponent


def unpack(layout: Layout, packed: bytes) -> tuple[Measured, ...]:
    """Read values back; raise `PackedError`."""
    source = Source(packed)
    found = []
    for register, kind, exponent, has_status, labels in layout:
        status = _text(source) if has_status else None
        found.append(Measured(register, value_of(kind, exponent, source), status, labels))
    if not source.is_empty:
        raise PackedError("there is more than the layout has values")
    return tuple(found)


def append_value(value: Value, exponent: int, packed: bytearray) -> tuple[Kind, int]:
    """Append a value whose block has this power of ten; say how it was written."""
    match value:
        case None:
            return Kind.NONE, 0
        case str():
            return _append_text(value, packed), 0
        case Decimal():
            return _append_decimal(value, exponent, packed)
        case int():
            return Kind.NUMBER, _append_int(value, exponent, packed)
        case float():
            packed += _REAL.pack(value)
            return Kind.REAL, 0


def _append_int(value: int, exponent: int, packed: bytearray) -> int:
    if exponent < 0:
        value *= 10**-exponent
    elif exponent > 0:
        mantissa, rest = divmod(value, 10**exponent)
        if rest:
            exponent = 0
        else:
            value = mantissa
    varint.append_signed(value, packed)
    return exponent


def _append_decimal(value: Decimal, exponent: int, packed: bytearray) -> tuple[Kind, int]:
    if not value.same_quantum(_quantum(exponent)):
        exponent = int(value.as_tuple().exponent)
    mantissa = int(EXACT.scaleb(value, -exponent))
    if exponent >= 0 or not mantissa % 10**-exponent:
        # The decoder makes an int of a whole number: this one was not made by it.
        varint.append_counted(str(value).encode(), packed)
        return Kind.DECIMAL, 0
    varint.append_signed(mantissa, packed)
    return Kind.NUMBER, exponent


@lru_cache(256)
def _quantum(exponent: int) -> Decimal:
    return EXACT.scaleb(1, exponent)


def _append_text(value: str, packed: bytearray) -> Kind:
    if len(value) in (_SECONDS_LENGTH, _DAYS_LENGTH) and value[4] == "-":
        kind, number = _moment_number(value)
        if kind is not Kind.TEXT:
            varint.append_signed(number, packed)
            return kind
    try:
        opaque = bytes.fromhex(value)
    except ValueError:
        opaque = b""
    if opaque.hex().upper() == value:
        varint.append_counted(opaque, packed)
        return Kind.HEX
    varint.append_counted(value.encode(), packed)
    return Kind.TEXT


@lru_cache(KEPT)
def _moment_number(text: str) -> tuple[Kind, int]:
    """Give a date or a time as a number; kind `TEXT` where it is none that would come back in the same words."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return Kind.TEXT, 0
    if moment.date().isoformat() == text:
        return Kind.DAYS, (moment.date() - _FIRST_DAY).days
    if moment.tzinfo is None and moment.isoformat() == text:
        return Kind.SECONDS, (moment - _FIRST_SECOND) // _SECOND
    return Kind.TEXT, 0


def value_of(kind: Kind, exponent: int, source: Source) -> Value:
    """Read one value; raise `PackedError`."""
    match kind:
        case Kind.NONE:
            return None
        case Kind.NUMBER:
            return _scaled(source.signed(), exponent)
        case Kind.REAL:
            real: float = _REAL.unpack(source.take(_REAL.size))[0]
            return real
        case Kind.TEXT:
            return _text(source)
        case Kind.HEX:
            return source.counted().hex().upper()
        case Kind.DECIMAL:
            return Decimal(_text(source))
        case Kind.SECONDS | Kind.DAYS:
            return _moment(kind, source.signed())


def _scaled(mantissa: int, exponent: int) -> int | Decimal:
    """Do as the decoder does: a whole number is an int, anything else a decimal with all its digits."""
    if exponent >= 0:
        scale: int = 10**exponent
        return mantissa * scale
    divisor: int = 10**-exponent
    whole, rest = divmod(mantissa, divisor)
    return EXACT.scaleb(mantissa, exponent) if rest else whole


def _moment(kind: Kind, number: int) -> str:
    try:
        if kind is Kind.DAYS:
            return (_FIRST_DAY + timedelta(days=number)).isoformat()
        return (_FIRST_SECOND + number * _SECOND).isoformat()
    except OverflowError:
        raise PackedError("a date is outside the calendar") from None


def _text(source: Source) -> str:
    try:
        return source.counted().decode()
    except UnicodeDecodeError as error:
        raise PackedError(f"a text is none: {error}") from None
