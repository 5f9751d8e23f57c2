"""Meters with the same identification: told apart by medium, manufacturer and version (MBUS.md 3.1, 3.4).

The medium comes first: the common ones are few, and they tell makers apart that no list has. What still collides is split by
manufacturer, then by version; values seen on this bus come before those that are common on buildings' buses. Where a proven
collision is still not explained, every value of the one-byte fields follows.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from mbus.addressing import (
    ANY_MANUFACTURER,
    ANY_MEDIUM,
    ANY_VERSION,
    SecondaryAddress,
    manufacturer_code,
)
from mbus.procedures.found import FoundMeter
from mbus.tables.manufacturers import MANUFACTURERS

MAKERS: Final = tuple(manufacturer_code(letters) for letters in MANUFACTURERS)
"""Manufacturers on buildings' buses."""
MEDIA: Final = (
    0x04,
    0x07,
    0x06,
    0x02,
    0x03,
    0x0C,
    0x0A,
    0x0B,
    0x0D,
    0x08,
    0x16,
    0x15,
    0x00,
    0x0E,
    0x0F,
    0x1B,
    0x05,
    0x01,
)
"""Common device types: heat, water, electricity, gas, cooling, heat cost allocators, unknown."""
BYTE: Final = range(255)
"""Every value of a one-byte field; FF is its wildcard."""

EQUAL_ADDRESSES: Final = "several meters have this address; no selection can tell them apart"
BESIDE: Final = "answers beside meters that were found, and no selection of it alone is known"
UNHEARD: Final = "acknowledges its selection, but no reading of it can be heard"


def likely_parts(mask: SecondaryAddress, meters: Iterable[FoundMeter]) -> Iterator[SecondaryAddress]:
    """Give the parts of a mask, by its first open field, that should always be asked for."""
    seen = [meter.secondary for meter in meters if meter.secondary is not None]
    if mask.medium == ANY_MEDIUM:
        for medium in _first(seen_first((address.medium for address in seen), MEDIA), ANY_MEDIUM):
            yield replace(mask, medium=medium)
    elif mask.manufacturer == ANY_MANUFACTURER:
        for maker in _first(seen_first((address.manufacturer for address in seen), MAKERS), ANY_MANUFACTURER):
            yield replace(mask, manufacturer=maker)
    elif mask.version == ANY_VERSION:
        for version in _first(seen_first((address.version for address in seen), ()), ANY_VERSION):
            yield replace(mask, version=version)


def other_parts(mask: SecondaryAddress) -> Iterator[SecondaryAddress]:
    """Give the parts that are left when the likely ones do not explain what answers under the mask."""
    if mask.medium == ANY_MEDIUM:
        for medium in BYTE:
            yield replace(mask, medium=medium)
    elif mask.version == ANY_VERSION:
        for version in BYTE:
            yield replace(mask, version=version)


def seen_first(seen: Iterable[int], known: Iterable[int]) -> Iterator[int]:
    """Give values by how often they were seen, then those only known, each once."""
    return iter(dict.fromkeys([*(value for value, _ in Counter(seen).most_common()), *known]))


def _first(values: Iterator[int], wildcard: int) -> Iterator[int]:
    return (value for value in values if value != wildcard)
