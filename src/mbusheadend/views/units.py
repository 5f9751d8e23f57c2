"""Units in which people see values: those that are usual, of any value of the same unit the same, exact wherever ten divides."""

from decimal import Decimal
from typing import Final, NamedTuple

from mbus.application.datatypes import Value
from mbus.application.scaling import EXACT

_SECONDS: Final = "s"
_HOUR: Final = 3600
_HOURS_DIGITS: Final = Decimal("0.0001")
_SHOWN: Final = {
    "Wh": ("kWh", 3),
    "VAh": ("kVAh", 3),
    "varh": ("kvarh", 3),
    "J": ("GJ", 9),
    "cal": ("Mcal", 6),
    "W": ("kW", 3),
    "VA": ("kVA", 3),
    "var": ("kvar", 3),
    "J/h": ("MJ/h", 6),
    "feet³": ("ft³", 0),
}


class ShownUnit(NamedTuple):
    """A unit that is shown: ten to the power of `exponent` times the one in which values are kept; for hours see `in_unit`."""

    symbol: str
    exponent: int


def shown_unit(unit: str) -> ShownUnit:
    """Give the unit in which values of a unit are shown."""
    if unit == _SECONDS:
        return ShownUnit("h", 0)
    return ShownUnit(*_SHOWN.get(unit, (unit, 0)))


def in_unit(value: Value, unit: str) -> Value:
    """Give a value of a unit in the shown one: exact, but hours, which are rounded to a ten thousandth."""
    if not isinstance(value, (int, float, Decimal)):
        return value
    if unit == _SECONDS:
        return plain(EXACT.quantize(EXACT.divide(Decimal(str(value)), _HOUR), _HOURS_DIGITS))
    exponent = _SHOWN.get(unit, (unit, 0))[1]
    if not exponent:
        return value
    return plain(EXACT.scaleb(Decimal(repr(value) if isinstance(value, float) else value), -exponent))


def plain(number: Decimal) -> Decimal | int:
    """Give a number without zeros at its end."""
    whole = number.to_integral_value()
    return int(whole) if number == whole else number.normalize()
