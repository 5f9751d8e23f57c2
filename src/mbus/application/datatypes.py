"""Data types A, B, C, D and H: bytes to numbers, and what stands for "no value" (MBUS.md 5.5).

A reader takes the bytes of one data field and returns a `Reading`: the value or None, the reason where there is none, and
labels that only this value has (summer time).
"""

import math
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Final

Value = int | Decimal | float | str | None
Reading = tuple[Value, str | None, tuple[str, ...]]
Reader = Callable[[bytes], Reading]

INVALID: Final[Reading] = (None, "invalid", ())
"""The bit pattern that the type reserves for it."""
NO_VALUE: Final[Reading] = (None, "no value", ())
EMPTY: Final[Reading] = (None, "no data", ())

_REAL = struct.Struct("<f")


def nothing(status: str) -> Reader:
    """Build a reader that gives no value whatever the bytes are."""
    reading: Reading = (None, status, ())
    return lambda _raw: reading


def signed(size: int, scale: Callable[[int], int | Decimal]) -> Reader:
    """Build a reader of type B; the most negative number is invalid."""
    invalid = -1 << (8 * size - 1)

    def read(raw: bytes) -> Reading:
        number = int.from_bytes(raw, "little", signed=True)
        return INVALID if number == invalid else (scale(number), None, ())

    return read


def unsigned(size: int, scale: Callable[[int], int | Decimal]) -> Reader:
    """Build a reader of type C; all ones are invalid."""
    invalid = (1 << 8 * size) - 1

    def read(raw: bytes) -> Reading:
        number = int.from_bytes(raw, "little")
        return INVALID if number == invalid else (scale(number), None, ())

    return read


def bits(raw: bytes) -> Reading:
    """Read type D: every pattern is valid."""
    return int.from_bytes(raw, "little"), None, ()


def bcd(scale: Callable[[int], int | Decimal]) -> Reader:
    """Build a reader of type A.

    The top digit F is a minus sign; all F are "no value"; any other digit above 9 is what the meter's display shows in an
    error, and no number.
    """

    def read(raw: bytes) -> Reading:
        digits = raw[::-1].hex()
        if digits.isdecimal():
            return scale(int(digits)), None, ()
        if digits[:1] == "f" and digits[1:].isdecimal():
            return scale(-int(digits[1:])), None, ()
        if digits.strip("f"):
            return None, f"not a decimal number: {digits.upper()}", ()
        return NO_VALUE if digits else EMPTY

    return read


def real(scale: Callable[[float], float]) -> Reader:
    """Build a reader of type H; "not a number" and infinity are no values."""

    def read(raw: bytes) -> Reading:
        number: float = _REAL.unpack(raw)[0]
        if not math.isfinite(number):
            return None, "not a finite number", ()
        return scale(number), None, ()

    return read


def hexadecimal(raw: bytes) -> Reading:
    """Give bytes without numeric meaning as hex text in the order of the wire."""
    return raw.hex().upper(), None, ()


def text(raw: bytes) -> Reading:
    """Read ISO 8859-1 text, which travels last character first."""
    return raw[::-1].decode("latin-1"), None, ()
