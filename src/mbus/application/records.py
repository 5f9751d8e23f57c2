"""Data records, one after the other, out of the user data of a telegram (MBUS.md chapter 5).

A broken record ends the records; what came before is kept, and the text says at which byte and why it ended.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mbus.application.datatypes import Value
from mbus.application.dib import (
    EXTENSION,
    MANUFACTURER_DATA,
    MAX_BYTES,
    MORE_FOLLOWS,
    SIZES,
    SKIPPED,
    SPECIAL,
    lvar_size,
)
from mbus.application.layout import column_of, dib_of
from mbus.application.vib import PLAIN_TEXT
from mbus.errors import RecordError
from mbus.tables import vif

LONGEST_TEXT: Final = 0xBF
"""Longest plain-text unit that is believed."""


class Record(NamedTuple):
    """One register of a meter.

    A named tuple, not a dataclass: records are made by the thousand each second, and a tuple takes a fifth of the time.

    :ivar index: position among the records of its telegram, from 0.
    :ivar function: ``instantaneous``, ``maximum``, ``minimum`` or ``error`` (value during an error state).
    :ivar quantity: what is measured, in the field's words; ``unknown`` and ``manufacturer_specific`` where no table says it.
    :ivar unit: base unit of `value`, empty where there is none.
    :ivar value: exact; a float only where the meter sent one; text for texts, dates (ISO 8601) and opaque bytes (hex); None
        when there is no valid value, `status` says why.
    :ivar modifiers: labels of the VIFE, in order.
    :ivar dib: DIF and DIFE as sent.
    :ivar vib: VIF, VIFE and plain text as sent.
    :ivar raw: the data as sent, with the length byte of a variable length. Not in the `repr`: it may be a password.
    :ivar secret: whether the data are a password, access code or key, which no output may show.
    """

    index: int  # type: ignore[assignment]  # the field's word; it hides a search method of tuples that nobody needs
    function: str
    storage: int
    tariff: int
    subunit: int
    quantity: str
    unit: str
    value: Value
    status: str | None
    modifiers: tuple[str, ...]
    dib: bytes
    vib: bytes
    raw: bytes
    secret: bool = False

    def __repr__(self) -> str:
        """All fields but the data."""
        shown = (f"{name}={getattr(self, name)!r}" for name in self._fields if name not in ("raw", "secret"))
        return f"Record({', '.join(shown)})"


@dataclass(frozen=True, slots=True)
class Body:
    """What user data hold.

    :ivar manufacturer_data: what follows DIF 0F or 1F, in the order of the wire.
    :ivar more_follows: DIF 1F was there: another telegram belongs to the reading.
    :ivar error: why decoding ended before the end, None when all is understood.
    """

    records: tuple[Record, ...] = ()
    manufacturer_data: bytes = field(default=b"", repr=False)
    more_follows: bool = False
    error: str | None = None


def decode_records(data: bytes, *, command: bool = False, msb_first: bool = False) -> Body:
    """Read the records of user data: what follows the header.

    `command`: the data go to a meter, VIFE 00 to 0F are actions. `msb_first`: values begin with the most significant byte.
    A plain-text unit with VIFE stands before them in meters that exist and behind them by the newer text of the standard:
    the older place is tried first and the newer one where only it makes sense to the end.
    """
    reader = _RecordReader(data, command, msb_first, text_last=False)
    body = reader.read()
    if reader.met_text_with_vife and not reader.makes_sense(body):
        other = _RecordReader(data, command, msb_first, text_last=True)
        newer = other.read()
        if other.makes_sense(newer):
            return newer
    return body


def has_text_first(data: bytes, *, command: bool = False) -> bool:
    """Tell whether user data make sense to the end with plain-text units at the older place, in front of their VIFE.

    Then that is how they are read, whatever their values are.
    """
    reader = _RecordReader(data, command, msb_first=False, text_last=False)
    return reader.makes_sense(reader.read())


class _RecordReader:
    """One pass over the records with one belief about the place of plain-text units."""

    def __init__(self, data: bytes, command: bool, msb_first: bool, *, text_last: bool) -> None:
        self._data = data
        self._position = 0
        self._command = command
        self._msb_first = msb_first
        self._text_last = text_last
        self._records: list[Record] = []
        self.met_text_with_vife = False

    def read(self) -> Body:
        data, end = self._data, len(self._data)
        manufacturer_data, more_follows, error = b"", False, None
        try:
            while self._position < end:
                dif = data[self._position]
                if dif & 0x0F != SPECIAL:
                    self._record()
                elif dif in SKIPPED:
                    self._position += 1
                elif dif in (MANUFACTURER_DATA, MORE_FOLLOWS):
                    manufacturer_data, more_follows = data[self._position + 1 :], dif == MORE_FOLLOWS
                    break
                else:
                    raise RecordError(f"DIF {dif:02X} is reserved", self._position)
        except RecordError as broken:
            error = f"record {len(self._records)} at byte {broken.offset} of the user data: {broken}"
        return Body(tuple(self._records), manufacturer_data, more_follows, error)

    def makes_sense(self, body: Body) -> bool:
        """Tell whether the data were understood to the end and every plain-text unit can be printed."""
        return body.error is None and all(
            record.unit.isprintable() for record in body.records if record.quantity == PLAIN_TEXT
        )

    def _record(self) -> None:
        data, start = self._data, self._position
        middle = start + 1 if data[start] < EXTENSION else self._chain_end(start, "DIF")
        is_short = middle < len(data) and data[middle] < vif.PLAIN_TEXT
        data_start = middle + 1 if is_short else self._vib_end(middle)
        dib = data[start:middle]
        vib = data[middle:data_start]
        register = dib_of(dib)
        meaning, read = column_of(vib, register.data_field, self._command, self._text_last)
        size = SIZES[register.data_field]
        end = data_start + (self._variable_size(data_start) if size is None else size)
        raw = data[data_start:end]
        if end > len(data):
            raise RecordError(f"{end - data_start} data bytes announced, {len(raw)} are left", start)
        value, status, labels = read(self._in_order(raw, size) if self._msb_first else raw)
        fields = (
            len(self._records),
            register.function,
            register.storage,
            register.tariff,
            register.subunit,
            meaning.quantity,
            meaning.unit,
            value,
            status,
            meaning.modifiers + labels if labels else meaning.modifiers,
            dib,
            vib,
            raw,
            meaning.secret,
        )
        # As `Record(*fields)` does in twice the time.
        self._records.append(tuple.__new__(Record, fields))
        self._position = end

    @staticmethod
    def _in_order(raw: bytes, size: int | None) -> bytes:
        """Turn data that begin with the most significant byte, but not the length byte in front of them."""
        return raw[::-1] if size is not None else raw[:1] + raw[:0:-1]

    def _chain_end(self, start: int, name: str) -> int:
        """Return the index behind a byte and its extensions."""
        data, end = self._data, start
        try:
            while data[end] & EXTENSION:
                end += 1
        except IndexError:
            raise RecordError(f"the data end inside the {name} and its extensions", self._position) from None
        if end - start >= MAX_BYTES:
            raise RecordError(f"more than {MAX_BYTES - 1} extensions of the {name}", self._position)
        return end + 1

    def _vib_end(self, start: int) -> int:
        data = self._data
        if start >= len(data):
            raise RecordError("the data end before the VIF", self._position)
        first = data[start]
        if first & ~EXTENSION != vif.PLAIN_TEXT:
            return start + 1 if first < EXTENSION else self._chain_end(start, "VIF")
        if not first & EXTENSION:
            return self._text_end(start + 1)
        self.met_text_with_vife = True
        if self._text_last:
            return self._text_end(self._chain_end(start, "VIF"))
        text_end = self._text_end(start + 1)
        end = self._chain_end(text_end, "VIF")
        if end - text_end >= MAX_BYTES:
            raise RecordError(f"more than {MAX_BYTES - 1} extensions of the VIF", self._position)
        return end

    def _text_end(self, start: int) -> int:
        """Return the index behind a plain-text unit whose length byte is at `start`."""
        if start >= len(self._data):
            raise RecordError("the data end before the length of a plain-text unit", self._position)
        length = self._data[start]
        if length > LONGEST_TEXT or start + 1 + length > len(self._data):
            raise RecordError(f"a plain-text unit of {length} bytes does not fit", self._position)
        return start + 1 + length

    def _variable_size(self, start: int) -> int:
        if start >= len(self._data):
            raise RecordError("the data end before the length of a variable length", self._position)
        size = lvar_size(self._data[start])
        if size is None:
            raise RecordError(f"variable length {self._data[start]:02X} is reserved", self._position)
        return size + 1
