"""How telegrams are kept: a meter sends nearly the same every time, so each is stored as what differs from an earlier one.

A pattern is what a meter sent once; what it sends later is deflated with it as the dictionary (RFC 1951). Frames say how long
they are, so those of one reading stand behind each other.
"""

import zlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from mbus.errors import FrameError
from mbus.link.frames import expected_length

MOST_PATTERNS: Final = 4
"""Of one meter: it has as many layouts at most, or sends something new every time."""
MOST_METERS: Final = 2500
_RAW: Final = -15
"""Deflate without header and checksum: SQLite keeps what it is given."""


def pack(frames: Sequence[bytes], pattern: bytes | None) -> bytes:
    """Pack the frames of a reading."""
    packer = (
        zlib.compressobj(9, zlib.DEFLATED, _RAW)
        if pattern is None
        else zlib.compressobj(9, zlib.DEFLATED, _RAW, zdict=pattern)
    )
    return packer.compress(b"".join(frames)) + packer.flush()


def unpack(packed: bytes, pattern: bytes | None) -> tuple[bytes, ...]:
    """Give the frames of a reading; raise `ValueError` for what was not packed with this pattern."""
    unpacker = zlib.decompressobj(_RAW) if pattern is None else zlib.decompressobj(_RAW, zdict=pattern)
    try:
        data = unpacker.decompress(packed) + unpacker.flush()
    except zlib.error as error:
        raise ValueError(f"telegrams cannot be unpacked: {error}") from error
    frames = []
    while data:
        try:
            length = expected_length(data)
        except FrameError as error:
            raise ValueError(f"telegrams are not whole: {error}") from error
        if length > len(data):
            raise ValueError("telegrams are not whole")
        frames.append(data[:length])
        data = data[length:]
    return tuple(frames)


class Patterns:
    """The patterns of meters, the ones used last in memory."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, list[tuple[int, bytes]]] = OrderedDict()

    def knows(self, meter: int) -> bool:
        """Tell whether the patterns of a meter are here."""
        return meter in self._known

    def learn(self, meter: int, patterns: Sequence[tuple[int, bytes]]) -> None:
        """Take the patterns of a meter, by their numbers."""
        self._known[meter] = list(patterns)
        while len(self._known) > MOST_METERS:
            self._known.popitem(last=False)

    def add(self, meter: int, number: int, data: bytes) -> None:
        """Take a new pattern of a meter that is known."""
        self._known[meter].append((number, data))

    def find(self, meter: int, data: bytes) -> tuple[int, bytes] | None:
        """Give the pattern for what a meter sent; None where it should become one itself."""
        self._known.move_to_end(meter)
        known = self._known[meter]
        same = [pattern for pattern in known if len(pattern[1]) == len(data)]
        if same:
            return same[-1]
        return known[-1] if len(known) >= MOST_PATTERNS else None

    def forget(self) -> None:
        """Begin anew, after patterns were taken out of the file."""
        self._known.clear()
