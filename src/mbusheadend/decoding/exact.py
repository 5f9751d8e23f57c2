"""Numbers in columns of a fixed kind: exact decimals with as many digits as readers of Parquet know."""

from decimal import Decimal
from typing import Final

from mbus.application.datatypes import Value

DIGITS: Final = 38
FRACTION: Final = 12
"""Digits behind the point: what meters send has no more (10⁻⁶ of a unit, times 10⁻⁶)."""


def exact_number(value: Value) -> Decimal | None:
    """Give a number that fits a decimal of these digits; None for anything else."""
    if not isinstance(value, (int, Decimal)):
        return None
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    fits = isinstance(exponent, int) and exponent >= -FRACTION and number.adjusted() < DIGITS - FRACTION
    return number if fits else None
