"""The data header behind the CI field: none, short or long (EN 13757-7; MBUS.md 4.2), and whose telegram it is."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Self

from mbus.addressing import SecondaryAddress
from mbus.application.ci import CI_FIELDS, HeaderKind
from mbus.errors import EncodeError, HeaderError
from mbus.link.frames import LongFrame

SHORT_SIZE = 4
LONG_SIZE = 12
FIXED_STRUCTURE_SIZE = 16
"""Data bytes of the old fixed structure, CI 73 and 77: with C, A and CI its length field is 13 (MBUS.md 4.8)."""
KEPT_ADDRESSES: Final = 2048
"""The same meters answer again and again; more of them cost time, not memory."""


@lru_cache(KEPT_ADDRESSES)
def address_of(raw: bytes) -> SecondaryAddress:
    """Read the eight bytes of an address, as `SecondaryAddress.from_bytes` does."""
    return SecondaryAddress.from_bytes(raw)


@dataclass(frozen=True, slots=True)
class Header:
    """What a meter says of itself in front of the records.

    :ivar secondary: its address; None in a short header.
    :ivar access_number: counts the responses, modulo 256; some meters never change it.
    :ivar status: bits as in `mbus.application.status`.
    :ivar configuration: 16-bit word (old name: signature); 0 is plain, other values need not mean encryption.
    """

    secondary: SecondaryAddress | None
    access_number: int
    status: int
    configuration: int

    @classmethod
    def from_short(cls, data: bytes) -> Self:
        """Read access number, status and configuration."""
        if len(data) < SHORT_SIZE:
            raise HeaderError(f"a short header has {SHORT_SIZE} bytes, here are {len(data)}")
        return cls(None, data[0], data[1], int.from_bytes(data[2:4], "little"))

    @classmethod
    def from_long(cls, data: bytes) -> Self:
        """Read the secondary address, then as `from_short`."""
        if len(data) < LONG_SIZE:
            raise HeaderError(f"a long header has {LONG_SIZE} bytes, here are {len(data)}")
        return cls(address_of(bytes(data[:8])), data[8], data[9], data[10] | data[11] << 8)

    def to_bytes(self) -> bytes:
        """Give the 12 bytes of a long header, or the 4 of a short one where there is no secondary address.

        Raise `EncodeError` where a field is too large for its bytes.
        """
        try:
            tail = bytes((self.access_number, self.status)) + self.configuration.to_bytes(2, "little")
        except (ValueError, OverflowError):
            raise EncodeError("access number and status are bytes, the configuration a 16-bit word") from None
        return tail if self.secondary is None else self.secondary.to_bytes() + tail


def least_significant_first(data: bytes) -> bytes:
    """Return the 12 bytes of a long header of CI 76 or 77 in the order of CI 72: identification, manufacturer, configuration."""
    return data[3::-1] + data[5:3:-1] + data[6:10] + data[11:9:-1]


def is_fixed_structure(frame: LongFrame) -> bool:
    """Tell whether a response has the old fixed structure rather than the newer compact frame of the same CI."""
    return frame.ci in (0x73, 0x77) and len(frame.data) == FIXED_STRUCTURE_SIZE


def identity_of(frame: LongFrame) -> SecondaryAddress | None:
    """Tell which meter sent a response, as far as the frame says it.

    A long header names the meter fully. The fixed structure carries only the identification: the other fields are
    wildcards. None where the frame names nobody (no or short header, too short).
    """
    if is_fixed_structure(frame):
        digits = frame.data[:4] if frame.ci == 0x77 else frame.data[3::-1]
        return SecondaryAddress(digits.hex().upper())
    row = CI_FIELDS[frame.ci]
    if row.header is HeaderKind.LONG and len(frame.data) >= LONG_SIZE:
        data = least_significant_first(frame.data) if row.msb_first else frame.data
        return SecondaryAddress.from_bytes(data[:8])
    return None


def fits(mask: SecondaryAddress, identity: SecondaryAddress) -> bool:
    """Tell whether an answer with that identity may come from a meter that `mask` selects.

    The fixed structure says an identification only; the fields that it leaves open cannot speak against it. A digit F of an
    identity is no wildcard but what a meter without a number says: it fits no other digit.
    """
    if replace(identity, identification=mask.identification) == SecondaryAddress(mask.identification):
        mask = SecondaryAddress(mask.identification)
    return mask.matches(identity)
