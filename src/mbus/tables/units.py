"""Units as the standard writes them, and the base unit that values are given in (DESIGN 4)."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class UnitRow:
    """One unit: ``1 symbol = factor · 10^exponent base``, exactly."""

    symbol: str
    base: str
    factor: int = 1
    exponent: int = 0


ROWS: Final = (
    UnitRow("", ""),
    # energy, power
    UnitRow("Wh", "Wh"),
    UnitRow("MWh", "Wh", exponent=6),
    UnitRow("J", "J"),
    UnitRow("GJ", "J", exponent=9),
    # The calorie has several definitions, so it is not turned into joule.
    UnitRow("Mcal", "cal", exponent=6),
    UnitRow("W", "W"),
    UnitRow("MW", "W", exponent=6),
    UnitRow("J/h", "J/h"),
    UnitRow("GJ/h", "J/h", exponent=9),
    # electricity
    UnitRow("kvarh", "varh", exponent=3),
    UnitRow("kVAh", "VAh", exponent=3),
    UnitRow("kvar", "var", exponent=3),
    UnitRow("kVA", "VA", exponent=3),
    UnitRow("V", "V"),
    UnitRow("A", "A"),
    UnitRow("Hz", "Hz"),
    UnitRow("dBm", "dBm"),
    # volume, mass, flow
    UnitRow("m³", "m³"),
    UnitRow("l", "m³", exponent=-3),
    UnitRow("feet³", "feet³"),
    UnitRow("US gal", "US gal"),
    UnitRow("kg", "kg"),
    UnitRow("t", "kg", exponent=3),
    UnitRow("m³/h", "m³/h"),
    UnitRow("m³/min", "m³/h", factor=60),
    UnitRow("m³/s", "m³/h", factor=3600),
    UnitRow("US gal/min", "US gal/h", factor=60),
    UnitRow("US gal/h", "US gal/h"),
    UnitRow("kg/h", "kg/h"),
    # temperature, pressure, others
    UnitRow("°C", "°C"),
    UnitRow("K", "K"),
    # A temperature in °F stays one: the conversion has an offset and belongs to whoever shows it.
    UnitRow("°F", "°F"),
    UnitRow("bar", "bar"),
    UnitRow("%", "%"),
    UnitRow("°", "°"),
    UnitRow("2⁻¹²", "", factor=5**12, exponent=-12),
    # time; months and years have no fixed length
    UnitRow("s", "s"),
    UnitRow("min", "s", factor=60),
    UnitRow("h", "s", factor=3600),
    UnitRow("d", "s", factor=86400),
    UnitRow("month", "month"),
    UnitRow("year", "year"),
    UnitRow("bit times", "bit times"),
    UnitRow("Bd", "Bd"),
    UnitRow("currency", "currency"),
)

UNITS: Final = {row.symbol: row for row in ROWS}
