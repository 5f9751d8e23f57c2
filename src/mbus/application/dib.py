"""Data information block: which register a record holds and how long its data are (MBUS.md 5.1, 5.3, 5.4)."""

from dataclasses import dataclass
from typing import Final, Self

MAX_BYTES: Final = 11
"""DIF and at most ten DIFE; the same limit holds for VIF and VIFE."""
EXTENSION: Final = 0x80
"""Another byte of the block follows."""

FUNCTIONS: Final = ("instantaneous", "maximum", "minimum", "error")
"""By the function field, bits 5 and 4 of the DIF."""

NO_DATA: Final = 0x0
REAL: Final = 0x5
SELECTION: Final = 0x8
VARIABLE: Final = 0xD
SPECIAL: Final = 0xF
BINARY: Final = frozenset((0x1, 0x2, 0x3, 0x4, 0x6, 0x7))
BCD: Final = frozenset((0x9, 0xA, 0xB, 0xC, 0xE))

SIZES: Final = (0, 1, 2, 3, 4, 4, 6, 8, 0, 1, 2, 3, 4, None, 6, None)
"""Data bytes by data field; None where the data themselves say it (LVAR) or there is no such record (special functions)."""

MANUFACTURER_DATA: Final = 0x0F
MORE_FOLLOWS: Final = 0x1F
IDLE_FILLER: Final = 0x2F
SKIPPED: Final = frozenset((IDLE_FILLER, 0x3F, 0x7F))
"""Special functions of a single byte that hold no record: the filler and the readout requests."""


@dataclass(frozen=True, slots=True)
class Dib:
    """A DIF with its DIFE, understood.

    :ivar function: one of `FUNCTIONS`.
    :ivar storage: storage number, up to 41 bits.
    :ivar tariff: up to 20 bits.
    :ivar subunit: up to 10 bits.
    :ivar data_field: low nibble of the DIF.
    """

    function: str
    storage: int
    tariff: int
    subunit: int
    data_field: int

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read a whole block of 1 to `MAX_BYTES` bytes."""
        dif = raw[0]
        storage = dif >> 6 & 1
        tariff = subunit = 0
        for index, dife in enumerate(raw[1:]):
            storage |= (dife & 0x0F) << (1 + 4 * index)
            tariff |= (dife >> 4 & 3) << (2 * index)
            subunit |= (dife >> 6 & 1) << index
        return cls(FUNCTIONS[dif >> 4 & 3], storage, tariff, subunit, dif & 0x0F)


def lvar_size(first: int) -> int | None:
    """Tell how many bytes follow the first data byte of a variable length; None where the standard reserves it."""
    if first <= 0xBF:
        return first
    if first <= 0xEF:
        count = first & 0x0F
        return count if first >= 0xE0 or count <= 9 else None
    if first <= 0xF4:
        return 4 * (first - 0xEC)
    return {0xF5: 48, 0xF6: 64}.get(first)
