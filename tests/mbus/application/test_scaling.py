from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mbus.application.scaling import real_scaler, scaler

NONE = Decimal(0)
factors = st.sampled_from([1, 60, 3600, 86400, 5**12])
exponents = st.integers(-40, 40)
offsets = st.builds(
    lambda number, exponent: Decimal(number).scaleb(exponent), st.integers(-5, 5), st.integers(-9, 9)
)


@given(st.integers(-(2**512), 2**512), factors, exponents, offsets)
def test_scaling_of_whole_numbers_is_exact(number: int, factor: int, exponent: int, offset: Decimal) -> None:
    value = scaler(factor, exponent, offset)(number)
    exact = number * factor * Fraction(10) ** exponent + Fraction(offset)
    assert Fraction(value) == exact
    assert isinstance(value, int) == (exact.denominator == 1)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), factors, exponents, offsets)
def test_scaling_of_a_real_is_the_nearest_float(
    number: float, factor: int, exponent: int, offset: Decimal
) -> None:
    exact = Fraction(number) * factor * Fraction(10) ** exponent + Fraction(offset)
    value = real_scaler(factor, exponent, offset)(number)
    assert value == float(exact)


def test_a_whole_number_keeps_its_resolution_where_it_is_not_whole() -> None:
    assert str(scaler(1, -3, NONE)(1500)) == "1.500"
    assert scaler(1, -3, NONE)(2000) == 2
