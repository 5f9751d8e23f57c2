import pytest

from mbus.addressing import SecondaryAddress
from mbus.application.header import Header, fits, identity_of, least_significant_first
from mbus.errors import EncodeError, HeaderError
from mbus.link.frames import LongFrame
from support.telegrams import LONG_HEADER

METER = SecondaryAddress("12345678", 0x2C2D, 0x08, 0x04)


def test_a_long_header_is_read_and_written_back() -> None:
    header = Header.from_long(LONG_HEADER)
    assert header == Header(METER, 1, 0, 0)
    assert header.to_bytes() == LONG_HEADER


def test_a_short_header_is_read_and_written_back() -> None:
    data = bytes.fromhex("2A 10 3412")
    header = Header.from_short(data)
    assert header == Header(None, 0x2A, 0x10, 0x1234)
    assert header.to_bytes() == data


def test_a_header_that_is_cut_off_is_an_error() -> None:
    with pytest.raises(HeaderError):
        Header.from_long(LONG_HEADER[:11])
    with pytest.raises(HeaderError):
        Header.from_short(LONG_HEADER[:3])


def test_the_old_order_of_bytes_is_turned_field_by_field() -> None:
    old = bytes.fromhex("12345678 2C2D 08 04 01 02 0510")
    assert Header.from_long(least_significant_first(old)) == Header(METER, 1, 2, 0x0510)


@pytest.mark.parametrize(
    ("ci", "data", "identity"),
    [
        (0x72, LONG_HEADER, METER),
        (0x72, LONG_HEADER[:11], None),
        (0x78, LONG_HEADER, None),
        (0x7A, LONG_HEADER, None),
        (0x76, bytes.fromhex("12345678 2C2D 08 04 01 00 0000"), METER),
        (0x73, bytes.fromhex("78563412") + bytes(12), SecondaryAddress("12345678")),
        (0x77, bytes.fromhex("12345678") + bytes(12), SecondaryAddress("12345678")),
    ],
)
def test_a_response_names_its_meter_as_far_as_it_can(
    ci: int, data: bytes, identity: SecondaryAddress | None
) -> None:
    assert identity_of(LongFrame(0x08, 1, ci, data)) == identity


def test_what_an_identity_leaves_open_cannot_speak_against_it() -> None:
    assert fits(METER, SecondaryAddress("12345678"))
    assert fits(SecondaryAddress("1234FFFF"), METER)
    assert not fits(METER, SecondaryAddress("12345679"))
    assert not fits(SecondaryAddress(version=9), METER)
    assert not fits(METER, SecondaryAddress("12345679"))


def test_a_digit_f_that_a_meter_says_of_itself_is_no_wildcard() -> None:
    unnumbered = SecondaryAddress("FFFFFFFF", 0x2C2D, 0x08, 0x04)
    assert not fits(METER, unnumbered)
    assert not fits(METER, SecondaryAddress("FFFFFFFF"))
    assert not fits(METER, SecondaryAddress("12345678", 0xFFFF, 0x08, 0x04))
    assert fits(unnumbered, unnumbered)
    assert fits(SecondaryAddress(), unnumbered)


@pytest.mark.parametrize(
    "header",
    [Header(METER, 256, 0, 0), Header(METER, 0, -1, 0), Header(None, 0, 0, 0x10000), Header(None, 0, 0, -1)],
)
def test_a_header_field_that_does_not_fit_is_refused(header: Header) -> None:
    with pytest.raises(EncodeError, match="16-bit word"):
        header.to_bytes()
