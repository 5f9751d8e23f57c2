import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbus.addressing import (
    SecondaryAddress,
    is_primary,
    manufacturer_code,
    manufacturer_letters,
    parse_address,
)
from mbus.errors import AddressError

METER = SecondaryAddress("85246798", 0x2C2D, 0x35, 0x04)
addresses = st.builds(
    SecondaryAddress,
    st.text("0123456789ABCDEF", min_size=8, max_size=8),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFF),
    st.integers(0, 0xFF),
)


def test_an_address_is_written_as_it_is_known_in_the_field() -> None:
    assert str(METER) == "852467982D2C3504"
    assert METER.to_bytes().hex() == "986724852d2c3504"


@given(addresses)
def test_an_address_survives_its_bytes_and_its_text(address: SecondaryAddress) -> None:
    assert SecondaryAddress.from_bytes(address.to_bytes()) == address
    assert SecondaryAddress.from_text(str(address)) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text", ["852467982D2C3504", " 852467982d2c3504 ", "85246798.KAM.35.04", "85246798.2C2D.35.4"]
)
def test_both_ways_of_writing_an_address_are_understood(text: str) -> None:
    assert SecondaryAddress.from_text(text) == METER


def test_the_digits_on_a_meter_leave_the_other_fields_open() -> None:
    assert parse_address("85246798") == SecondaryAddress("85246798")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1234",
        "852467982D2C350",
        "852467982D2C350G",
        "85246798.KAMX.35.04",
        "85246798.KAM.35",
        "8524679.KAM.35.04",
        "85246798.KAM.3_5.04",
        "85246798.KAM.+5.04",
        "85246798.KAM.035.04",
        "85246798.\u0662C2D.35.04",
        "85 24 67 2D2C 35",
    ],
)
def test_other_text_is_no_address(text: str) -> None:
    with pytest.raises(AddressError):
        SecondaryAddress.from_text(text)


@pytest.mark.parametrize(
    ("letters", "code"), [("KAM", 0x2C2D), ("AAA", 0x0421), ("ZZZ", 0x6B5A), ("abb", 0x0442)]
)
def test_a_manufacturer_has_three_letters(letters: str, code: int) -> None:
    assert manufacturer_code(letters) == code
    assert manufacturer_letters(code) == letters.upper()


@given(st.integers(0, 0xFFFF))
def test_every_manufacturer_code_can_be_shown_and_read_again(code: int) -> None:
    shown = manufacturer_letters(code)
    assert (int(shown, 16) if len(shown) == 4 else manufacturer_code(shown)) == code


@pytest.mark.parametrize("letters", ["", "AB", "ABCD", "A1B", "ÄBC", "ßAB", "\ufb01A"])
def test_other_text_is_no_manufacturer(letters: str) -> None:
    with pytest.raises(AddressError):
        manufacturer_code(letters)


def test_primary_addresses_of_meters_run_from_0_to_250() -> None:
    assert [address for address in range(-1, 257) if is_primary(address)] == list(range(251))
    assert parse_address(" 250 ") == 250
    for text in ("251", "255", "-1", "999", "\u0665", "²"):
        with pytest.raises(AddressError):
            parse_address(text)


def test_a_wildcard_stands_for_any_digit_and_any_field() -> None:
    assert SecondaryAddress().matches(METER)
    assert SecondaryAddress("8FF4679F").matches(METER)
    assert SecondaryAddress(manufacturer=0x2C2D, medium=0x04).matches(METER)
    assert not SecondaryAddress("8FF4679F", medium=0x07).matches(METER)
    assert not SecondaryAddress("9FFFFFFF").matches(METER)


def test_a_mask_is_told_from_a_meters_address() -> None:
    assert METER.is_unique
    for mask in (
        SecondaryAddress("8524679F", 0x2C2D, 0x35, 0x04),
        SecondaryAddress("85246798", 0xFFFF, 0x35, 0x04),
        SecondaryAddress("85246798", 0x2C2D, 0xFF, 0x04),
        SecondaryAddress("85246798", 0x2C2D, 0x35, 0xFF),
    ):
        assert not mask.is_unique


@pytest.mark.parametrize(
    ("identification", "manufacturer", "version", "medium"),
    [
        ("1234567", 0, 0, 0),
        ("1234567x", 0, 0, 0),
        ("12345678", 0x10000, 0, 0),
        ("12345678", 0, 256, 0),
        ("12345678", 0, 0, -1),
    ],
)
def test_a_field_out_of_its_range_is_refused(
    identification: str, manufacturer: int, version: int, medium: int
) -> None:
    with pytest.raises(AddressError):
        SecondaryAddress(identification, manufacturer, version, medium)


def test_eight_bytes_are_an_address_and_no_other_number_of_them() -> None:
    with pytest.raises(AddressError, match="7"):
        SecondaryAddress.from_bytes(bytes(7))
