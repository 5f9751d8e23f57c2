"""Numbers in columns of a fixed kind: exact decimals with as many digits as readers of Parquet know."""

from decimal import Decimal
from typing import Final

from mbus.application.datatypes import Value

DIGITS: Final = 38
FRACTION: Final = 12
"""Digits behind the point: what meters send has no more (10⁻⁶ of a unit, times 10⁻⁶)."""
_WHOLE: Final = 10 ** (DIGITS - FRACTION)


def exact_number(value: Value) -> Decimal | None:
    """Give a number that fits a decimal of these digits; None for anything else."""
    if isinstance(value, int):
        return Decimal(value) if -_WHOLE < value < _WHOLE else None
    if not isinstance(value, Decimal):
        return None
    exponent = value.as_tuple().exponent
    fits = isinstance(exponent, int) and exponent >= -FRACTION and value.adjusted() < DIGITS - FRACTION
    return value if fits else None
