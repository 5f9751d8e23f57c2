from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbus.application import encode_values as values
from mbus.errors import EncodeError


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        (values.signed(-2, 2), "feff"),
        (values.signed(-(2**47), 6), "000000000080"),
        (values.unsigned(0xFFFFFFFF, 4), "ffffffff"),
        (values.bcd(12345678, 4), "78563412"),
        (values.bcd(-7654321, 4), "214365f7"),
        (values.bcd(0, 1), "00"),
        (values.bcd(-9, 1), "f9"),
        (values.real(0.5), "0000003f"),
        (values.text("%RH"), "03485225"),
        (values.text("°C"), "0243b0"),
        (values.text(""), "00"),
        (values.variable_bcd(123), "c22301"),
        (values.variable_bcd(-123), "d22301"),
        (values.variable_binary(b"\x01\x02"), "e20102"),
        (values.variable_binary(bytes(16)), "f0" + "00" * 16),
        (values.variable_binary(bytes(64)), "f6" + "00" * 64),
        (values.type_f(datetime(2011, 1, 5, 15, 26), hundred_years=1), "1a2f6511"),
        (values.type_f(datetime(2026, 7, 28, 13, 45)), "2d0d5c37"),
        (values.type_f(datetime(2026, 7, 28, 13, 45), summer_time=True, invalid=True), "ad8d5c37"),
        (values.type_f(datetime(1996, 12, 31, 23, 59)), "3b171fcc"),
        (values.type_g(date(2026, 7, 28)), "5c37"),
        (values.type_i(datetime(2024, 2, 29, 23, 59, 58)), "ba3b171d3200"),
        (values.type_i(datetime(2023, 3, 1, 0, 0, 0), summer_time=True, invalid=True), "408000e12300"),
        (values.type_j(time(13, 45, 30)), "1e2d0d"),
    ],
)
def test_a_value_has_its_bytes(encoded: bytes, expected: str) -> None:
    assert encoded.hex() == expected


@pytest.mark.parametrize("number", [10**8, -(10**7)])
def test_a_number_with_too_many_digits_is_refused(number: int) -> None:
    with pytest.raises(EncodeError, match="8 BCD digits"):
        values.bcd(number, 4)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(EncodeError):
        values.signed(2**15, 2)
    with pytest.raises(EncodeError):
        values.unsigned(-1, 2)
    with pytest.raises(EncodeError):
        values.real(1e39)
    with pytest.raises(EncodeError, match="8859-1"):
        values.text("€")
    with pytest.raises(EncodeError, match="191"):
        values.text("x" * 192)
    with pytest.raises(EncodeError, match="digits"):
        values.variable_bcd(10**18)
    with pytest.raises(EncodeError, match="17"):
        values.variable_binary(bytes(17))


@pytest.mark.parametrize(
    ("year", "hundred_years"), [(1980, 0), (2081, 0), (1999, 1), (2100, 1), (2026, 4), (2026, -1)]
)
def test_a_year_outside_its_century_is_refused(year: int, hundred_years: int) -> None:
    with pytest.raises(EncodeError, match=str(year)):
        values.type_f(datetime(year, 1, 1), hundred_years=hundred_years)


@given(st.integers(-(10**7) + 1, 10**8 - 1))
def test_bcd_has_the_digits_of_the_number(number: int) -> None:
    text = values.bcd(number, 4)[::-1].hex()
    assert int(text.replace("f", "-")) == number
