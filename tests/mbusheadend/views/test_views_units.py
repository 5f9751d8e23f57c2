"""Units in which people see values."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbus.application.datatypes import Value
from mbusheadend.views.units import in_unit, shown_unit


@pytest.mark.parametrize(
    ("value", "unit", "shown", "symbol"),
    [
        (61_037_000, "Wh", 61_037, "kWh"),
        (Decimal("732.62"), "W", Decimal("0.73262"), "kW"),
        (12_345_000_000, "J", Decimal("12.345"), "GJ"),
        (3600, "s", 1, "h"),
        (1, "s", Decimal("0.0003"), "h"),
        (Decimal("1258.249"), "m³", Decimal("1258.249"), "m³"),
        ("2026-11-23", "", "2026-11-23", ""),
        (None, "Wh", None, "kWh"),
        (Decimal("36E+60"), "s", 10**58, "h"),
        (1500.5, "W", Decimal("1.5005"), "kW"),
    ],
)
def test_values_are_shown_in_usual_units(value: Value, unit: str, shown: Value, symbol: str) -> None:
    assert in_unit(value, unit) == shown
    assert shown_unit(unit).symbol == symbol


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20))
def test_no_digit_is_lost(value: Decimal) -> None:
    shown = in_unit(value, "Wh")
    assert isinstance(shown, (int, Decimal))
    assert shown * 1000 == value
