"""Whole numbers in as few bytes as they need: seven bits a byte, the lowest first, the eighth bit says that more follow."""

from typing import Final

from mbusheadend.decoding.errors import PackedError

MAX_BITS: Final = 4096
"""More than any number that a frame can carry."""


def append(number: int, to: bytearray) -> None:
    """Append a number that is not negative."""
    while number > 0x7F:
        to.append(number & 0x7F | 0x80)
        number >>= 7
    to.append(number)


def append_signed(number: int, to: bytearray) -> None:
    """Append any number; those near zero are short, whatever their sign."""
    append(number << 1 if number >= 0 else (~number << 1) | 1, to)


def append_counted(content: bytes, to: bytearray) -> None:
    """Append bytes behind their number."""
    append(len(content), to)
    to += content


def _written(number: int) -> bytes:
    written = bytearray()
    append(number, written)
    return bytes(written)


_LAST: Final = tuple(_written(number) for number in range(1 << 14))
"""Numbers of at most two bytes."""
_FIRST: Final = tuple(bytes((number & 0x7F | 0x80, number >> 7 | 0x80)) for number in range(1 << 14))
"""Two bytes that are followed by others."""


def signed_bytes(number: int) -> bytes:
    """Give what `append_signed` appends."""
    number = number << 1 if number >= 0 else (~number << 1) | 1
    if number < 0x4000:
        return _LAST[number]
    written = _FIRST[number & 0x3FFF]
    number >>= 14
    while number >= 0x4000:
        written += _FIRST[number & 0x3FFF]
        number >>= 14
    return written + _LAST[number]


class Source:
    """Packed bytes, read from the front. What is cut off or can be nothing of ours is a `PackedError`."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def is_empty(self) -> bool:
        """Whether everything was read."""
        return self._position >= len(self._data)

    def byte(self) -> int:
        """Read one byte."""
        if self.is_empty:
            raise PackedError("the packed data end too early")
        self._position += 1
        return self._data[self._position - 1]

    def take(self, count: int) -> bytes:
        """Read bytes."""
        taken = self._data[self._position : self._position + count]
        if len(taken) < count:
            raise PackedError("the packed data end too early")
        self._position += count
        return taken

    def number(self) -> int:
        """Read what `append` wrote."""
        data, place = self._data, self._position
        try:
            byte = data[place]
            number, shift = byte & 0x7F, 7
            while byte > 0x7F:
                if shift > MAX_BITS:
                    raise PackedError("a packed number is longer than any")
                place += 1
                byte = data[place]
                number |= (byte & 0x7F) << shift
                shift += 7
        except IndexError:
            raise PackedError("the packed data end too early") from None
        self._position = place + 1
        return number

    def skip_number(self) -> None:
        """Step over what `append` or `append_signed` wrote."""
        data, place = self._data, self._position
        try:
            while data[place] > 0x7F:
                place += 1
        except IndexError:
            raise PackedError("the packed data end too early") from None
        self._position = place + 1

    def signed(self) -> int:
        """Read what `append_signed` wrote."""
        number = self.number()
        return ~(number >> 1) if number & 1 else number >> 1

    def counted(self) -> bytes:
        """Read bytes behind their number."""
        return self.take(self.number())
