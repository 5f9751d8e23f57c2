"""The old fixed data structure: two counters of four bytes, CI 73 and 77 (MBUS.md 4.8)."""

from decimal import Decimal
from typing import Final

from mbus.application.datatypes import Reading, bcd, signed
from mbus.application.header import Header, identity_of
from mbus.application.records import Record
from mbus.application.scaling import scaler
from mbus.link.frames import LongFrame
from mbus.tables.fixed import FIRST_MODE_2, HISTORIC, LAST_MODE_2, MEDIA, UNITS, FixedUnitRow

MSB_FIRST_CI: Final = 0x77
_BINARY: Final = 0x01
"""Status bit: the counters are signed binary, BCD otherwise."""
_STORED: Final = 0x02
"""Status bit: the counters were stored at a fixed date, current otherwise."""
_UNIT: Final = 0x3F
_COUNTER_SIZE: Final = 4
_NO_OFFSET: Final = Decimal(0)
_RESERVED: Final = FixedUnitRow(0, 0, "unknown", "", 0)


def fixed_header(frame: LongFrame) -> Header:
    """Read who it is: only identification, access number and status exist, the other fields are wildcards."""
    return Header(identity_of(frame), frame.data[4], frame.data[5], 0)


def fixed_medium(frame: LongFrame) -> tuple[int, str]:
    """Return the four-bit medium code, split over two bytes, and its word."""
    code = frame.data[6] >> 6 | frame.data[7] >> 6 << 2
    return code, MEDIA[code]


def fixed_records(frame: LongFrame) -> tuple[Record, Record]:
    """Read the two counters; storage 1 marks a stored (historic) value."""
    data = frame.data
    first, second = data[6] & _UNIT, data[7] & _UNIT
    stored = 1 if data[5] & _STORED else 0
    return (
        _counter(frame, 0, first, stored),
        _counter(frame, 1, first if second == HISTORIC else second, 1 if second == HISTORIC else stored),
    )


def _counter(frame: LongFrame, index: int, unit: int, storage: int) -> Record:
    row = UNITS.get(unit, _RESERVED)
    start = 8 + _COUNTER_SIZE * index
    raw = frame.data[start : start + _COUNTER_SIZE]
    msb_first = frame.ci == MSB_FIRST_CI or FIRST_MODE_2 <= fixed_medium(frame)[0] <= LAST_MODE_2
    value, status, _ = _read(raw[::-1] if msb_first else raw, row, binary=bool(frame.data[5] & _BINARY))
    vib = frame.data[6 + index : 7 + index]
    return Record(
        index, "instantaneous", storage, 0, 0, row.quantity, row.unit, value, status, (), b"", vib, raw
    )


def _read(raw: bytes, row: FixedUnitRow, *, binary: bool) -> Reading:
    if row.quantity in ("time_hms", "date_dmy"):
        return raw[::-1].hex(), None, ()
    scale = scaler(1, row.exponent, _NO_OFFSET)
    return (signed(_COUNTER_SIZE, scale) if binary else bcd(scale))(raw)
