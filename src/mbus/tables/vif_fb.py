"""VIF extension table FB (MBUS.md 5.9).

The rows 20 to 26, 58 to 67 and 70 to 73 are the non-metric ones of the standard before 2004; meters of that time still speak.
"""

from typing import Final

from mbus.tables.rows import Rule, VifRow, expand

_A: Final = "5.9 A"
_OLD: Final = "5.9 A old"
_B: Final = "5.9 B"
_C: Final = "5.9 C"
_D: Final = "5.9 D"
N: Final = Rule.NUMBER

ROWS: Final = (
    VifRow(0x7E, 0x00, "energy", "MWh", -1, N, _A),
    VifRow(0x7E, 0x02, "reactive_energy", "kvarh", 0, N, _D),
    VifRow(0x7E, 0x04, "apparent_energy", "kVAh", 0, N, _B),
    VifRow(0x7F, 0x06, "coefficient_of_performance", "", -1, N, _C),
    VifRow(0x7E, 0x08, "energy", "GJ", -1, N, _A),
    VifRow(0x7C, 0x0C, "energy", "Mcal", -1, N, _B),
    VifRow(0x7E, 0x10, "volume", "m³", 2, N, _A),
    VifRow(0x7C, 0x14, "reactive_power", "kvar", -3, N, _B),
    VifRow(0x7E, 0x18, "mass", "t", 2, N, _A),
    VifRow(0x7E, 0x1A, "relative_humidity", "%", -1, N, _A),
    VifRow(0x7F, 0x20, "volume", "feet³", 0, N, _OLD),
    VifRow(0x7F, 0x21, "volume", "feet³", -1, N, _OLD),
    VifRow(0x7E, 0x22, "volume", "US gal", -1, N, _OLD),
    VifRow(0x7F, 0x24, "volume_flow", "US gal/min", -3, N, _OLD),
    VifRow(0x7F, 0x25, "volume_flow", "US gal/min", 0, N, _OLD),
    VifRow(0x7F, 0x26, "volume_flow", "US gal/h", 0, N, _OLD),
    VifRow(0x7E, 0x28, "power", "MW", -1, N, _A),
    VifRow(0x7F, 0x2A, "phase_voltage_voltage", "°", -1, N, _B),
    VifRow(0x7F, 0x2B, "phase_voltage_current", "°", -1, N, _D),
    VifRow(0x7C, 0x2C, "frequency", "Hz", -3, N, _A),
    VifRow(0x7E, 0x30, "power", "GJ/h", -1, N, _A),
    VifRow(0x7C, 0x34, "apparent_power", "kVA", -3, N, _B),
    VifRow(0x7C, 0x58, "flow_temperature", "°F", -3, N, _OLD),
    VifRow(0x7C, 0x5C, "return_temperature", "°F", -3, N, _OLD),
    VifRow(0x7C, 0x60, "temperature_difference", "°F", -3, N, _OLD),
    VifRow(0x7C, 0x64, "external_temperature", "°F", -3, N, _OLD),
    VifRow(0x7F, 0x68, "hca_factor_k", "2⁻¹²", 0, N, _B),
    VifRow(0x7F, 0x69, "hca_factor_kq", "W", 0, N, _D),
    VifRow(0x7F, 0x6A, "hca_factor_kc", "2⁻¹²", 0, N, _B),
    VifRow(0x7F, 0x6B, "hca_factor_kcr", "2⁻¹²", 0, N, _B),
    VifRow(0x7F, 0x6C, "hca_factor_kch", "2⁻¹²", 0, N, _B),
    VifRow(0x7F, 0x6D, "hca_factor_kt", "2⁻¹²", 0, N, _B),
    VifRow(0x7F, 0x6E, "hca_factor_kd", "2⁻¹²", 0, N, _B),
    VifRow(0x7C, 0x70, "temperature_limit", "°F", -3, N, _OLD),
    VifRow(0x7C, 0x74, "temperature_limit", "°C", -3, N, _A),
    VifRow(0x78, 0x78, "cumulative_maximum_power", "W", -3, N, _A),
)

CODES: Final = expand(ROWS)
