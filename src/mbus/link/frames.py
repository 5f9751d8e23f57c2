"""The frames of the link layer as values (EN 13757-2; MBUS.md 2.1)."""

import zlib
from dataclasses import dataclass
from typing import Final

from mbus.errors import EncodeError, IncompleteFrameError, InvalidFrameError

ACK: Final = 0xE5
"""The single character that acknowledges."""
NACK: Final = 0xA2
"""Single character of the 2018 edition: function not supported."""
SHORT_START: Final = 0x10
LONG_START: Final = 0x68
STOP: Final = 0x16

SHORT_LENGTH: Final = 5
LONG_OVERHEAD: Final = 6
"""Start, length, length, start, checksum, stop."""
MIN_L: Final = 3
MAX_L: Final = 255
MAX_FRAME: Final = MAX_L + LONG_OVERHEAD


def checksum(data: bytes) -> int:
    """Give the low eight bits of the sum over control field to last data byte."""
    # The low half of Adler-32 is the sum modulo 65521, which no frame reaches: a tenth of the time that adding takes.
    return (zlib.adler32(data, 0) if len(data) <= MAX_L else sum(data)) & 0xFF


@dataclass(frozen=True, slots=True)
class SingleCharacter:
    """A frame of one byte, nearly always the acknowledgement E5."""

    code: int = ACK

    def to_bytes(self) -> bytes:
        """Give the byte as it travels."""
        return bytes((self.code,))


@dataclass(frozen=True, slots=True)
class ShortFrame:
    """``10 C A CS 16``: a command or request without data."""

    control: int
    address: int

    def to_bytes(self) -> bytes:
        """Give the five bytes as they travel; raise `EncodeError` when a field is no byte."""
        body = _octets(self.control, self.address)
        return bytes((SHORT_START,)) + body + bytes((checksum(body), STOP))


@dataclass(frozen=True, slots=True)
class LongFrame:
    """``68 L L 68 C A CI data CS 16``; without data it is the standard's control frame.

    :ivar data: what follows the CI field, at most 252 bytes.
    """

    control: int
    address: int
    ci: int
    data: bytes = b""

    def to_bytes(self) -> bytes:
        """Give the bytes as they travel; raise `EncodeError` when the data do not fit into one frame or a field is no byte."""
        length = len(self.data) + 3
        if length > MAX_L:
            raise EncodeError(f"a frame carries at most {MAX_L - 3} data bytes, these are {len(self.data)}")
        body = _octets(self.control, self.address, self.ci) + self.data
        return bytes((LONG_START, length, length, LONG_START)) + body + bytes((checksum(body), STOP))


def _octets(*fields: int) -> bytes:
    try:
        return bytes(fields)
    except ValueError:
        raise EncodeError(f"control, address and CI field are bytes, not {fields}") from None


Frame = SingleCharacter | ShortFrame | LongFrame


def expected_length(data: bytes) -> int:
    """Tell how long the frame that begins `data` will be.

    Raise `IncompleteFrameError` when that cannot be told yet, `InvalidFrameError` when no frame begins so.
    """
    if not data:
        raise IncompleteFrameError("no byte yet")
    start = data[0]
    if start in (ACK, NACK):
        return 1
    if start == SHORT_START:
        return SHORT_LENGTH
    if start != LONG_START:
        raise InvalidFrameError(f"no frame begins with {start:02X}")
    if len(data) >= 2 and data[1] < MIN_L:
        raise InvalidFrameError(f"length field {data[1]:02X} is below {MIN_L}")
    if len(data) >= 3 and data[1] != data[2]:
        raise InvalidFrameError(f"the two length fields differ: {data[1]:02X} and {data[2]:02X}")
    if len(data) >= 4 and data[3] != LONG_START:
        raise InvalidFrameError(f"second start byte is {data[3]:02X}, not 68")
    if len(data) < 4:
        raise IncompleteFrameError(f"{len(data)} of the 4 bytes that open a long frame")
    return data[1] + LONG_OVERHEAD


def parse_frame(data: bytes) -> Frame:
    """Read exactly one frame that fills `data`.

    Raise `IncompleteFrameError` when bytes are missing, `InvalidFrameError` when the bytes break a rule: start, lengths,
    checksum, stop byte, or bytes behind the end.
    """
    if _is_long(data):
        return LongFrame(data[4], data[5], data[6], bytes(data[7:-2]))
    length = expected_length(data)
    if len(data) < length:
        raise IncompleteFrameError(f"{len(data)} of {length} bytes")
    if len(data) > length:
        raise InvalidFrameError(f"{len(data) - length} bytes follow the end of the frame")
    if length == 1:
        return SingleCharacter(data[0])
    if data[-1] != STOP:
        raise InvalidFrameError(f"stop byte is {data[-1]:02X}, not 16")
    body = data[1:-2] if data[0] == SHORT_START else data[4:-2]
    if checksum(body) != data[-2]:
        raise InvalidFrameError(f"checksum is {data[-2]:02X}, the bytes sum to {checksum(body):02X}")
    return ShortFrame(data[1], data[2])


def _is_long(data: bytes) -> bool:
    """Tell at once whether data are a long frame in which nothing is wrong."""
    return (
        MIN_L + LONG_OVERHEAD <= len(data) <= MAX_FRAME
        and data[-1] == STOP
        and data[:4] == _OPENINGS[len(data) - LONG_OVERHEAD]
        and zlib.adler32(data[4:-2], 0) & 0xFF == data[-2]
    )


_OPENINGS: Final = tuple(bytes((LONG_START, length, length, LONG_START)) for length in range(MAX_L + 1))
"""What stands in front of the control field, by length."""
