"""Data records as bytes: DIB, VIB and data (EN 13757-3; MBUS.md 5.1 to 5.5).

`RecordSpec` says what a slave sends; its `value` is the bare content of the data field, before the VIB scales it: with VIB
``06`` (kWh) the value 37351 means 37351 kWh. `mbus.application.vib_lookup` finds VIBs by quantity and unit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time

from mbus.application import encode_values as values
from mbus.application.dib import BCD, BINARY, EXTENSION, FUNCTIONS, MAX_BYTES, REAL, SIZES, SPECIAL, VARIABLE
from mbus.errors import EncodeError

Value = int | float | str | bytes | datetime | date | time | None

_NOT_A_NUMBER = bytes.fromhex("0000C07F")
_DATE_VIF = (0x6C, 0x6D)


@dataclass(frozen=True, slots=True)
class RecordSpec:
    """One record to be sent.

    :ivar vib: VIF and VIFE as they travel, a plain-text unit included.
    :ivar value: by data field: int for integers and BCD, float for a real, datetime, date or time for types F, I, G, J (data
        fields 4, 6, 2, 3); behind LVAR (D) text, int (BCD) or bytes; bytes of the right length for any field; None for "no
        valid value".
    :ivar data_field: low nibble of the DIF, the kind and length of the data.
    :ivar unsigned: write an integer as type C, for counters without a sign.
    """

    vib: bytes
    value: Value
    data_field: int = 0x04
    function: str = "instantaneous"
    storage: int = 0
    tariff: int = 0
    subunit: int = 0
    unsigned: bool = False

    def to_bytes(self) -> bytes:
        """Give the record as it travels; raise `EncodeError` where something does not fit."""
        if not self.vib:
            raise EncodeError("a record needs a VIF")
        dib = encode_dib(
            self.data_field,
            function=self.function,
            storage=self.storage,
            tariff=self.tariff,
            subunit=self.subunit,
        )
        return dib + self.vib + self._data()

    def _data(self) -> bytes:
        if self.value is None:
            is_date = self.vib[0] & 0x7F in _DATE_VIF
            return _invalid(self.data_field, all_ones=is_date or self.unsigned)
        return encode_value(self.data_field, self.value, unsigned=self.unsigned)


def encode_dib(
    data_field: int,
    *,
    function: str = "instantaneous",
    storage: int = 0,
    tariff: int = 0,
    subunit: int = 0,
) -> bytes:
    """Give DIF and as many DIFE as storage (41 bits), tariff (20) and subunit (10) need."""
    if not 0 <= data_field < SPECIAL:
        raise EncodeError(f"{data_field:#x} is no data field of a record")
    if function not in FUNCTIONS:
        raise EncodeError(f"{function!r} is no function: those are {', '.join(FUNCTIONS)}")
    if min(storage, tariff, subunit) < 0:
        raise EncodeError("storage, tariff and subunit cannot be negative")
    dib = [data_field | FUNCTIONS.index(function) << 4 | (storage & 1) << 6]
    storage >>= 1
    while storage or tariff or subunit:
        dib[-1] |= EXTENSION
        dib.append(storage & 0x0F | (tariff & 0x03) << 4 | (subunit & 0x01) << 6)
        storage, tariff, subunit = storage >> 4, tariff >> 2, subunit >> 1
    if len(dib) > MAX_BYTES:
        raise EncodeError(f"storage, tariff or subunit need more than {MAX_BYTES - 1} DIFE")
    return bytes(dib)


def plain_text_vib(unit: str, vife: bytes = b"") -> bytes:
    """Give a VIB whose unit is plain text: VIF, length, characters last to first, then VIFE (MBUS.md 5.10)."""
    return bytes((0xFC if vife else 0x7C,)) + values.text(unit) + vife


def encode_value(data_field: int, value: Value, *, unsigned: bool = False) -> bytes:
    """Give the data of a record: the bytes behind its VIB.

    A value that is already bytes passes as it is when its length fits the data field.
    """
    if data_field == VARIABLE:
        return _variable(value)
    size = data_size(data_field)
    if isinstance(value, bytes):
        if len(value) != size:
            raise EncodeError(f"data field {data_field:X} has {size} bytes, not {len(value)}")
        return value
    if isinstance(value, date | time):
        return _moment(data_field, value)
    if data_field == REAL and isinstance(value, int | float):
        return values.real(value)
    if data_field in BINARY and isinstance(value, int):
        return values.unsigned(value, size) if unsigned else values.signed(value, size)
    if data_field in BCD and isinstance(value, int):
        return values.bcd(value, size)
    raise EncodeError(f"data field {data_field:X} cannot carry {value!r}")


def data_size(data_field: int) -> int:
    """Bytes that a data field of fixed length has; raise `EncodeError` for LVAR and special functions."""
    size = SIZES[data_field] if 0 <= data_field < len(SIZES) else None
    if size is None:
        raise EncodeError(f"data field {data_field:X} has no fixed length")
    return size


def _variable(value: Value) -> bytes:
    if isinstance(value, str):
        return values.text(value)
    if isinstance(value, bytes):
        return values.variable_binary(value)
    if isinstance(value, int):
        return values.variable_bcd(value)
    raise EncodeError(f"variable length cannot carry {value!r}")


_DATE_TYPES: dict[int, Callable[[datetime], bytes]] = {
    0x02: values.type_g,
    0x04: values.type_f,
    0x06: values.type_i,
}


def _moment(data_field: int, value: date | time) -> bytes:
    if isinstance(value, time):
        if data_field == 0x03:
            return values.type_j(value)
    elif isinstance(value, datetime):
        if data_field in _DATE_TYPES:
            return _DATE_TYPES[data_field](value)
    elif data_field == 0x02:
        return values.type_g(value)
    raise EncodeError(f"data field {data_field:X} cannot carry {value!r}")


def _invalid(data_field: int, *, all_ones: bool) -> bytes:
    """Give what stands for "no value": the most negative integer, F in every digit, not a number, an empty text."""
    if data_field == VARIABLE:
        return b"\x00"
    if data_field == REAL:
        return _NOT_A_NUMBER
    size = data_size(data_field)
    if data_field in BCD or all_ones or not size:
        return b"\xff" * size
    return b"\x00" * (size - 1) + b"\x80"
