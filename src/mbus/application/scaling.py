"""Exact scaling: whole numbers stay whole, others become `Decimal`, a float stays a float rounded once (DESIGN 3.9)."""

from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction
from math import gcd
from typing import Final

EXACT: Final = Context(prec=1000)
"""More digits than any sum of what a frame can carry: 64 data bytes are 155 digits, ten VIFE shift by less than 100."""

Number = int | Decimal


def scaler(factor: int, exponent: int, offset: Decimal) -> Callable[[int], Number]:
    """Build ``number → number · factor · 10^exponent + offset``, an int wherever the result is a whole number."""
    if offset:
        return _with_offset(factor, exponent, offset)
    if exponent >= 0:
        multiplier = factor * 10**exponent
        return lambda number: number * multiplier
    divisor = 10**-exponent

    def scale(number: int) -> Number:
        number *= factor
        whole, rest = divmod(number, divisor)
        return EXACT.scaleb(number, exponent) if rest else whole

    return scale


def _with_offset(factor: int, exponent: int, offset: Decimal) -> Callable[[int], Number]:
    def scale(number: int) -> Number:
        value = EXACT.add(EXACT.scaleb(number * factor, exponent), offset)
        return int(value) if value == value.to_integral_value() else value

    return scale


def real_scaler(factor: int, exponent: int, offset: Decimal) -> Callable[[float], float]:
    """Build the same for a REAL32; the result is the float nearest to the exact product and sum."""
    ratio = real_ratio(factor, exponent, offset)
    if ratio is None:
        scale, shift = Fraction(factor) * Fraction(10) ** exponent, Fraction(offset)
        return lambda number: float(Fraction(number) * scale + shift)
    numerator, denominator = ratio
    if denominator == 1:
        return lambda number: number * numerator
    return lambda number: number / denominator


def real_ratio(factor: int, exponent: int, offset: Decimal) -> tuple[float, float] | None:
    """Give multiplier and divisor for a REAL32, one of them 1: a single operation rounds once. None where it takes more."""
    numerator, denominator = factor * 10 ** max(exponent, 0), 10 ** max(-exponent, 0)
    common = gcd(numerator, denominator)
    numerator, denominator = numerator // common, denominator // common
    if offset or 1 not in (numerator, denominator):
        return None
    # A divisor or multiplier that is no float itself would round twice.
    ratio = float(numerator), float(denominator)
    return ratio if ratio == (numerator, denominator) else None
