"""Whole responses of a slave: records in, frames out (EN 13757-3, EN 13757-7; MBUS.md 4.2, 4.6 to 4.8, 2.5).

The header decides the CI field: with a secondary address it is long (72), without one short (7A), no header gives 78.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mbus.addressing import SecondaryAddress
from mbus.application.dib import IDLE_FILLER, MANUFACTURER_DATA, MORE_FOLLOWS
from mbus.application.encode_record import RecordSpec
from mbus.application.encode_values import bcd, signed, unsigned
from mbus.application.headed import headed_frame
from mbus.application.header import Header
from mbus.application.security import BLOCK, MARK, encrypt_mode_5
from mbus.errors import EncodeError
from mbus.link.fields import RSP_UD
from mbus.link.frames import MAX_L, MIN_L, LongFrame

MAX_DATA: Final = MAX_L - MIN_L
"""Bytes behind the CI field, header included."""
Item = RecordSpec | bytes
"""A record, or bytes that stand between records as they are: fillers, records as recorded."""

_VARIABLE_CI = (0x78, 0x7A, 0x72)
_ERROR_CI = (0x70, 0x6E, 0x6F)
_ALARM_CI = (0x71, 0x74, 0x75)


def payload(
    records: Iterable[Item], *, manufacturer_data: bytes | None = None, more_follows: bool = False
) -> bytes:
    """Give the data behind the header.

    :param manufacturer_data: the maker's bytes behind DIF 0F; None sends no such DIF.
    :param more_follows: end with DIF 1F instead, with or without the maker's bytes.
    """
    data = b"".join(item if isinstance(item, bytes) else item.to_bytes() for item in records)
    if more_follows:
        return data + bytes((MORE_FOLLOWS,)) + (manufacturer_data or b"")
    if manufacturer_data is not None:
        return data + bytes((MANUFACTURER_DATA,)) + manufacturer_data
    return data


def response(address: int, header: Header | None, data: bytes, *, control: int = RSP_UD) -> LongFrame:
    """Give a variable data response with that payload."""
    return headed_frame(_VARIABLE_CI, control, address, header, data)


def encrypted_response(
    address: int,
    header: Header,
    records: Iterable[Item],
    key: bytes,
    *,
    manufacturer_data: bytes | None = None,
    more_follows: bool = False,
    control: int = RSP_UD,
) -> LongFrame:
    """Give a variable data response encrypted by mode 5, which needs the package `cryptography`.

    The configuration word is set here. Fillers that make whole blocks stand before the maker's bytes, which run to the end.
    """
    body = payload(records)
    tail = payload((), manufacturer_data=manufacturer_data, more_follows=more_follows)
    filling = bytes((IDLE_FILLER,)) * (-(len(MARK) + len(body) + len(tail)) % BLOCK)
    word, data = encrypt_mode_5(header, body + filling + tail, key)
    return response(address, replace(header, configuration=word), data, control=control)


def application_error(
    address: int, code: int | None = None, *, header: Header | None = None, control: int = RSP_UD
) -> LongFrame:
    """Give the response of a slave that cannot do as asked; no code means "unspecified" (MBUS.md 4.6)."""
    return headed_frame(_ERROR_CI, control, address, header, b"" if code is None else unsigned(code, 1))


def alarm(address: int, data: bytes, *, header: Header | None = None, control: int = RSP_UD) -> LongFrame:
    """Give an alarm: one byte of the maker's own without header (71), records behind one (74, 75; MBUS.md 4.7)."""
    return headed_frame(_ALARM_CI, control, address, header, data)


@dataclass(frozen=True, slots=True)
class FixedStructure:
    """A response of the old fixed structure, CI 73 (MBUS.md 4.8).

    :ivar identification: eight digits.
    :ivar status: its bits 0 and 1 are set from `binary` and `stored`.
    :ivar medium: 0 to F, the list of the fixed structure, not the device types.
    :ivar units: six-bit unit codes of the two counters.
    :ivar counters: their values; binary ones are signed.
    :ivar stored: the counters were stored at a fixed date.
    """

    identification: str
    medium: int
    units: tuple[int, int]
    counters: tuple[int, int]
    access_number: int = 0
    status: int = 0
    binary: bool = False
    stored: bool = False

    def to_frame(self, address: int, *, control: int = RSP_UD) -> LongFrame:
        """Give the response; raise `EncodeError` where a field does not fit."""
        if not 0 <= self.medium <= 0x0F or not all(0 <= unit <= 0x3F for unit in self.units):
            raise EncodeError("a medium of the fixed structure has four bits, a unit six")
        status = self.status & ~0x03 | self.binary | self.stored << 1
        data = (
            SecondaryAddress(self.identification).to_bytes()[:4]
            + unsigned(self.access_number, 1)
            + unsigned(status, 1)
            + bytes((self.units[0] | (self.medium & 0x03) << 6, self.units[1] | (self.medium >> 2) << 6))
            + b"".join(signed(count, 4) if self.binary else bcd(count, 4) for count in self.counters)
        )
        return LongFrame(control, address, 0x73, data)


def split(
    address: int,
    header: Header,
    records: Sequence[Item],
    *,
    manufacturer_data: bytes | None = None,
    limit: int = MAX_DATA,
) -> tuple[LongFrame, ...]:
    """Give the telegrams that carry all records, each but the last ending with DIF 1F (MBUS.md 2.5).

    Records stay whole and in order; the access number counts up from the header's.

    :param limit: bytes behind the CI field that one telegram may have.
    """
    groups = _grouped(records, manufacturer_data, limit - len(header.to_bytes()))
    last = len(groups) - 1
    return tuple(
        response(
            address,
            replace(header, access_number=(header.access_number + index) & 0xFF),
            payload(
                group,
                manufacturer_data=manufacturer_data if index == last else None,
                more_follows=index < last,
            ),
        )
        for index, group in enumerate(groups)
    )


def _grouped(records: Sequence[Item], manufacturer_data: bytes | None, room: int) -> list[list[bytes]]:
    groups: list[list[bytes]] = [[]]
    used = 0
    pieces = [payload([record]) for record in records]
    for piece in pieces:
        # One byte stays free for the DIF that ends the telegram.
        if used + len(piece) + 1 > room and groups[-1]:
            groups.append([])
            used = 0
        if len(piece) + 1 > room:
            raise EncodeError(f"a record of {len(piece)} bytes does not fit one telegram")
        groups[-1].append(piece)
        used += len(piece)
    if manufacturer_data is not None and used + 1 + len(manufacturer_data) > room:
        if 1 + len(manufacturer_data) > room:
            raise EncodeError(f"{len(manufacturer_data)} bytes of the maker's own do not fit one telegram")
        groups.append([])
    return groups
