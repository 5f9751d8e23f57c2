"""Identifications and masks of them as numbers, for the arithmetic of the search.

An identification is a number of eight nibbles. A mask is a pair `(care, value)`: where `care` has no bits the digit is a
wildcard, and `value` is zero there.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from mbus.addressing import ID_DIGITS, WILDCARD

Mask = tuple[int, int]

EVERYTHING: Final[Mask] = (0, 0)
DECIMAL: Final = range(10)
HEXADECIMAL: Final = range(10, 15)
"""The digits A to E: real meters have them, rarely; F can only be a wildcard."""


def mask_of(text: str) -> Mask:
    """Read eight digits, F for a wildcard."""
    care = value = 0
    for digit in text:
        care, value = care << 4 | (0 if digit == WILDCARD else 15), value << 4 | int(digit, 16)
    return care, value & care


def text_of(mask: Mask) -> str:
    """Give the eight digits of a mask, F for a wildcard."""
    care, value = mask
    return f"{value | (~care & 0xFFFFFFFF):08X}"


def shift_of(position: int) -> int:
    """Give the bits that lie below a digit; position 0 is the most significant."""
    return 4 * (ID_DIGITS - 1 - position)


def nibble(position: int) -> int:
    """Give the bits of a digit."""
    return 15 << shift_of(position)


def digit_at(identification: int, position: int) -> int:
    """Give one digit of an identification."""
    return identification >> shift_of(position) & 15


def fix(mask: Mask, position: int, digit: int) -> Mask:
    """Give the part of a mask that has this digit at this position."""
    care, value = mask
    return care | nibble(position), value | digit << shift_of(position)


def covers(wide: Mask, narrow: Mask) -> bool:
    """Tell whether everything that `narrow` matches is matched by `wide`."""
    return wide[0] & narrow[0] == wide[0] and narrow[1] & wide[0] == wide[1]


def matches(mask: Mask, identification: int) -> bool:
    """Tell whether a mask matches an identification."""
    return identification & mask[0] == mask[1]


def overlap(one: Mask, other: Mask) -> bool:
    """Tell whether any identification is matched by both."""
    return not (one[1] ^ other[1]) & one[0] & other[0]


@lru_cache(maxsize=4096)
def volume(care: int) -> float:
    """Give the share of all decimal identifications that a mask with these fixed digits matches."""
    return 10.0 ** -sum(1 for position in range(ID_DIGITS) if care & nibble(position))


@lru_cache(maxsize=4096)
def free_positions(care: int) -> tuple[int, ...]:
    """Give the positions that are wildcards, least significant first."""
    return tuple(position for position in reversed(range(ID_DIGITS)) if not care & nibble(position))


@lru_cache(maxsize=4096)
def _wider_cares(care: int, base: int) -> tuple[int, ...]:
    cares = [care]
    for position in range(ID_DIGITS):
        if care & ~base & nibble(position):
            cares += [wider & ~nibble(position) for wider in cares]
    return tuple(cares)


def wider(mask: Mask, base: int) -> Iterator[Mask]:
    """Give the mask itself and every mask that frees some of its digits, but none of those fixed in `base`."""
    care, value = mask
    for wide in _wider_cares(care, base):
        yield wide, value & wide


def number_of(identification: int) -> int | None:
    """Give the decimal number that an identification spells; None where it has hex digits."""
    text = f"{identification:08X}"
    return int(text) if text.isdecimal() else None


@lru_cache(maxsize=65536)
def identification_of(number: int) -> int:
    """Give the identification that spells a decimal number of at most eight digits."""
    return int(f"{number:08d}", 16)
