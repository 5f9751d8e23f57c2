"""Media and units of the old fixed data structure (MBUS.md 4.8)."""

from dataclasses import dataclass, replace
from typing import Final

HISTORIC: Final = 0x3E
"""Counter 2 has the unit of counter 1 and holds a historic value."""


@dataclass(frozen=True, slots=True)
class FixedUnitRow:
    """The unit codes `first` to `last`, each ten times the one before.

    :ivar exponent: power of ten of `first`, in `unit`.
    """

    first: int
    last: int
    quantity: str
    unit: str
    exponent: int


ROWS: Final = (
    FixedUnitRow(0x00, 0x00, "time_hms", "", 0),
    FixedUnitRow(0x01, 0x01, "date_dmy", "", 0),
    FixedUnitRow(0x02, 0x0A, "energy", "Wh", 0),
    FixedUnitRow(0x0B, 0x13, "energy", "J", 3),
    FixedUnitRow(0x14, 0x1C, "power", "W", 0),
    FixedUnitRow(0x1D, 0x25, "power", "J/h", 3),
    FixedUnitRow(0x26, 0x2E, "volume", "m³", -6),
    FixedUnitRow(0x2F, 0x37, "volume_flow", "m³/h", -6),
    FixedUnitRow(0x38, 0x38, "temperature", "°C", -3),
    FixedUnitRow(0x39, 0x39, "hca_units", "", 0),
    FixedUnitRow(0x3F, 0x3F, "dimensionless", "", 0),
)
"""Codes 3A to 3D are reserved."""

UNITS: Final = {
    code: replace(row, first=code, last=code, exponent=row.exponent + code - row.first)
    for row in ROWS
    for code in range(row.first, row.last + 1)
}

MEDIA: Final = (
    "other",
    "oil",
    "electricity",
    "gas",
    "heat",
    "steam",
    "hot_water",
    "water",
    "heat_cost_allocator",
    "reserved",
    "gas",
    "heat",
    "hot_water",
    "water",
    "heat_cost_allocator",
    "reserved",
)
"""By code; A to E are the same media with counters that begin with the most significant byte (mode 2)."""
FIRST_MODE_2: Final = 0x0A
LAST_MODE_2: Final = 0x0E
