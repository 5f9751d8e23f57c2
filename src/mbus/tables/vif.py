"""Primary VIFs (MBUS.md 5.7)."""

from typing import Final

from mbus.tables.rows import Rule, VifRow, expand

_A: Final = "5.7 A"
_B: Final = "5.7 B"
N: Final = Rule.NUMBER

EXTENSION_FB: Final = 0x7B
PLAIN_TEXT: Final = 0x7C
EXTENSION_FD: Final = 0x7D
ANY: Final = 0x7E
MANUFACTURER: Final = 0x7F
THIRD_EXTENSION: Final = 0x6F

ROWS: Final = (
    VifRow(0x78, 0x00, "energy", "Wh", -3, N, _A),
    VifRow(0x78, 0x08, "energy", "J", 0, N, _A),
    VifRow(0x78, 0x10, "volume", "m³", -6, N, _A),
    VifRow(0x78, 0x18, "mass", "kg", -3, N, _A),
    VifRow(0x7F, 0x20, "on_time", "s", 0, N, _A),
    VifRow(0x7F, 0x21, "on_time", "min", 0, N, _A),
    VifRow(0x7F, 0x22, "on_time", "h", 0, N, _A),
    VifRow(0x7F, 0x23, "on_time", "d", 0, N, _A),
    VifRow(0x7F, 0x24, "operating_time", "s", 0, N, _A),
    VifRow(0x7F, 0x25, "operating_time", "min", 0, N, _A),
    VifRow(0x7F, 0x26, "operating_time", "h", 0, N, _A),
    VifRow(0x7F, 0x27, "operating_time", "d", 0, N, _A),
    VifRow(0x78, 0x28, "power", "W", -3, N, _A),
    VifRow(0x78, 0x30, "power", "J/h", 0, N, _A),
    VifRow(0x78, 0x38, "volume_flow", "m³/h", -6, N, _A),
    VifRow(0x78, 0x40, "volume_flow", "m³/min", -7, N, _A),
    VifRow(0x78, 0x48, "volume_flow", "m³/s", -9, N, _A),
    VifRow(0x78, 0x50, "mass_flow", "kg/h", -3, N, _A),
    VifRow(0x7C, 0x58, "flow_temperature", "°C", -3, N, _A),
    VifRow(0x7C, 0x5C, "return_temperature", "°C", -3, N, _A),
    VifRow(0x7C, 0x60, "temperature_difference", "K", -3, N, _A),
    VifRow(0x7C, 0x64, "external_temperature", "°C", -3, N, _A),
    VifRow(0x7C, 0x68, "pressure", "bar", -3, N, _A),
    VifRow(0x7F, 0x6C, "date", "", 0, Rule.DATE, _A),
    VifRow(0x7F, 0x6D, "date_time", "", 0, Rule.MOMENT, _A),
    VifRow(0x7F, 0x6E, "hca_units", "", 0, N, _A),
    VifRow(0x7F, THIRD_EXTENSION, "reserved", "", 0, N, _B),
    VifRow(0x7F, 0x70, "averaging_duration", "s", 0, N, _A),
    VifRow(0x7F, 0x71, "averaging_duration", "min", 0, N, _A),
    VifRow(0x7F, 0x72, "averaging_duration", "h", 0, N, _A),
    VifRow(0x7F, 0x73, "averaging_duration", "d", 0, N, _A),
    VifRow(0x7F, 0x74, "actuality_duration", "s", 0, N, _A),
    VifRow(0x7F, 0x75, "actuality_duration", "min", 0, N, _A),
    VifRow(0x7F, 0x76, "actuality_duration", "h", 0, N, _A),
    VifRow(0x7F, 0x77, "actuality_duration", "d", 0, N, _A),
    VifRow(0x7F, 0x78, "fabrication_number", "", 0, Rule.UNSIGNED, _A),
    VifRow(0x7F, 0x79, "identification", "", 0, Rule.IDENTITY, _A),
    VifRow(0x7F, 0x7A, "bus_address", "", 0, Rule.UNSIGNED, _A),
    VifRow(0x7F, ANY, "any", "", 0, N, _A),
    VifRow(0x7F, MANUFACTURER, "manufacturer_specific", "", 0, N, _A),
)

CODES: Final = expand(ROWS)
"""The row of every code; EXTENSION_FB, PLAIN_TEXT and EXTENSION_FD lead elsewhere and have none."""
