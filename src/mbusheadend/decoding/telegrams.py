"""What is kept of a decoded telegram beside the raw one: header, error, and the values by their layout."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from mbus.addressing import SecondaryAddress
from mbus.application.header import Header, identity_of
from mbus.application.plans import PLANS
from mbus.application.telegram import decode_telegram
from mbus.errors import MBusError
from mbus.link.frames import LongFrame, parse_frame
from mbusheadend.decoding import varint
from mbusheadend.decoding.errors import PackedError
from mbusheadend.decoding.packer import packer_of
from mbusheadend.decoding.registers import Form, Layout, layout_of, layout_of_form, layout_text
from mbusheadend.decoding.values import Measured, measured_of, pack, pack_measured, unpack
from mbusheadend.decoding.varint import Source

DECODER: Final = 1
"""Rises when a telegram gives other values than before; a test with the recorded telegrams notices it."""
INLINE: Final = 0
"""Stands for the number of a layout that comes along because its meter has too many of them."""
_HAS_HEADER: Final = 1
_HAS_ERROR: Final = 2
_LONGEST_LAYOUT: Final = 1 << 20


class LayoutNumbers(Protocol):
    """Gives layouts numbers."""

    def number_of(self, form: Form) -> int:
        """Give the number of the layout of a form, a new one where it was never met; `INLINE` where it shall have none."""


class Layouts(Protocol):
    """Gives layouts by their numbers."""

    def layout(self, number: int) -> Layout:
        """Give a layout; raise `PackedError` for a number that was never given."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a telegram says.

    :ivar access_number: None, like `status`, where it has no header, or could not be read so far.
    :ivar error: why not all of it was understood, empty where it was.
    """

    access_number: int | None
    status: int | None
    error: str
    values: tuple[Measured, ...]


def sender_of(frame: bytes) -> tuple[int | None, SecondaryAddress | None]:
    """Tell from which primary address a frame came and whose it is, as far as it says that."""
    try:
        parsed = parse_frame(frame)
    except MBusError:
        return None, None
    return (parsed.address, identity_of(parsed)) if isinstance(parsed, LongFrame) else (None, None)


def pack_telegram(frame: bytes, key: bytes | None, layouts: LayoutNumbers, packed: bytearray) -> bool:
    """Decode a frame, whatever it is, and append what it says; tell whether all of it was understood."""
    header, error = None, ""
    form: Form = ()
    values = b""
    try:
        parsed = parse_frame(frame)
        known = _by_plan(parsed) if isinstance(parsed, LongFrame) else None
        if known is not None:
            header, form, values = known
        else:
            telegram = decode_telegram(parsed if isinstance(parsed, LongFrame) else frame, key=key)
            header, error = telegram.header, telegram.error or ""
            form, values = pack(telegram.records)
    except MBusError as unreadable:
        error = str(unreadable)
    access_number, status = (None, None) if header is None else (header.access_number, header.status)
    _append(access_number, status, error, form, values, layouts, packed)
    return not error


def _by_plan(frame: LongFrame) -> tuple[Header | None, Form, bytes] | None:
    """Pack what a frame of a known layout says; None where it has none, or may be encrypted."""
    plan = PLANS.plan_for(frame)
    if plan is None or plan.layout.from_master:
        return None
    header = plan.header(frame.data)
    if plan.may_be_encrypted(header):
        return None
    return header, *packer_of(plan).pack(frame.data)


def decode(frame: bytes, key: bytes | None) -> Decoded:
    """Decode a frame, whatever it is, to what `unpack_telegrams` gives of what `pack_telegram` writes of it."""
    try:
        telegram = decode_telegram(frame, key=key)
    except MBusError as unreadable:
        return Decoded(None, None, str(unreadable), ())
    header = telegram.header
    access_number, status = (None, None) if header is None else (header.access_number, header.status)
    return Decoded(access_number, status, telegram.error or "", measured_of(telegram.records))


def pack_decoded(decoded: Decoded, layouts: LayoutNumbers, packed: bytearray) -> None:
    """Append what a telegram said when it was decoded, as `pack_telegram` does, where the telegram itself is not there."""
    form, values = pack_measured(decoded.values)
    _append(decoded.access_number, decoded.status, decoded.error, form, values, layouts, packed)


def _append(
    access_number: int | None,
    status: int | None,
    error: str,
    form: Form,
    values: bytes,
    layouts: LayoutNumbers,
    packed: bytearray,
) -> None:
    has_header = access_number is not None and status is not None
    packed.append((_HAS_HEADER if has_header else 0) | (_HAS_ERROR if error else 0))
    if access_number is not None and status is not None:
        packed += bytes((access_number, status))
    if error:
        varint.append_counted(error.encode(), packed)
    number = layouts.number_of(form)
    varint.append(number, packed)
    if number == INLINE:
        varint.append_counted(zlib.compress(layout_text(layout_of_form(form)).encode()), packed)
    varint.append_counted(values, packed)


def unpack_telegrams(packed: bytes, layouts: Layouts) -> list[Decoded]:
    """Give what `pack_telegram` wrote of the telegrams of a reading; raise `PackedError`."""
    return [
        Decoded(access_number, status, error, unpack(layout, values))
        for access_number, status, error, layout, values in _parts(packed, layouts)
    ]


def packed_telegrams(packed: bytes, layouts: Layouts) -> Iterator[tuple[int | None, Layout, bytes]]:
    """Give of each telegram of a reading its status, layout and packed values; raise `PackedError`."""
    return ((status, layout, values) for _, status, _, layout, values in _parts(packed, layouts))


def _parts(packed: bytes, layouts: Layouts) -> Iterator[tuple[int | None, int | None, str, Layout, bytes]]:
    source = Source(packed)
    while not source.is_empty:
        marks = source.byte()
        access_number, status = (source.byte(), source.byte()) if marks & _HAS_HEADER else (None, None)
        error = source.counted().decode(errors="replace") if marks & _HAS_ERROR else ""
        number = source.number()
        layout = _inline(source.counted()) if number == INLINE else layouts.layout(number)
        yield access_number, status, error, layout, source.counted()


def _inline(packed: bytes) -> Layout:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, _LONGEST_LAYOUT)
    except zlib.error as error:
        raise PackedError(f"a layout cannot be unpacked: {error}") from None
    return layout_of(text.decode(errors="replace"))
