"""Commands against the vectors of MBUS.md 12 and chapters 3 and 7."""

from collections.abc import Callable
from datetime import date, datetime

import pytest

from mbus.addressing import SecondaryAddress
from mbus.application import commands
from mbus.application.header import Header
from mbus.errors import AddressError, EncodeError
from mbus.link.frames import LongFrame, ShortFrame

ALL = SecondaryAddress()
METER = SecondaryAddress.from_text("123456782D2C3504")
CLOCK = datetime(2026, 7, 28, 13, 45)
SHORT = Header(None, 7, 0, 0)
LONG = Header(METER, 7, 0, 0)

VECTORS: list[tuple[ShortFrame | LongFrame, str]] = [
    (commands.snd_nke(1), "10 40 01 41 16"),
    (commands.snd_nke(0xFD), "10 40 FD 3D 16"),
    (commands.snd_nke(0xFE), "10 40 FE 3E 16"),
    (commands.snd_nke(0xFF), "10 40 FF 3F 16"),
    (commands.req_ud2(1, fcb=False), "10 5B 01 5C 16"),
    (commands.req_ud2(1, fcb=True), "10 7B 01 7C 16"),
    (commands.req_ud1(1, fcb=False), "10 5A 01 5B 16"),
    (commands.req_ud1(1, fcb=True), "10 7A 01 7B 16"),
    (commands.req_ud2(0xFE, fcb=False), "10 5B FE 59 16"),
    (commands.req_ud2(0xFD, fcb=False), "10 5B FD 58 16"),
    (commands.req_ud2(0xFE, fcb=True), "10 7B FE 79 16"),
    (commands.req_ud2(0xFD, fcb=True), "10 7B FD 78 16"),
    (commands.req_ske(1), "10 49 01 4A 16"),
    (commands.select(ALL, fcb=False), "68 0B 0B 68 53 FD 52 FF FF FF FF FF FF FF FF 9A 16"),
    (commands.select(ALL), "68 0B 0B 68 73 FD 52 FF FF FF FF FF FF FF FF BA 16"),
    (
        commands.select(SecondaryAddress("12345678"), fcb=False),
        "68 0B 0B 68 53 FD 52 78 56 34 12 FF FF FF FF B2 16",
    ),
    (
        commands.select(SecondaryAddress("1FFFFFFF"), fcb=False),
        "68 0B 0B 68 53 FD 52 FF FF FF 1F FF FF FF FF BA 16",
    ),
    (
        commands.select(SecondaryAddress("12FFFFFF"), fcb=False),
        "68 0B 0B 68 53 FD 52 FF FF FF 12 FF FF FF FF AD 16",
    ),
    (commands.select(METER, fcb=False), "68 0B 0B 68 53 FD 52 78 56 34 12 2D 2C 35 04 48 16"),
    (
        commands.select(ALL, fabrication="12345678", fcb=False),
        "68 11 11 68 53 FD 52 FF FF FF FF FF FF FF FF 0C 78 78 56 34 12 32 16",
    ),
    (commands.set_primary(1, 5), "68 06 06 68 53 01 51 01 7A 05 25 16"),
    (commands.set_primary(0xFE, 5), "68 06 06 68 53 FE 51 01 7A 05 22 16"),
    (commands.set_identification(1, "12345678"), "68 09 09 68 53 01 51 0C 79 78 56 34 12 3E 16"),
    (commands.set_secondary(1, METER), "68 0D 0D 68 53 01 51 07 79 78 56 34 12 2D 2C 35 04 CB 16"),
    (commands.set_clock(1, CLOCK), "68 09 09 68 53 01 51 04 6D 2D 0D 5C 37 E3 16"),
    (commands.set_clock(1, CLOCK, hundred_years=1), "68 09 09 68 53 01 51 04 6D 2D 2D 5C 37 03 16"),
    (commands.set_date(1, date(2026, 7, 28)), "68 07 07 68 53 01 51 02 6C 5C 37 A6 16"),
    (commands.set_baud(1, 300), "68 03 03 68 53 01 B8 0C 16"),
    (commands.set_baud(1, 2400), "68 03 03 68 53 01 BB 0F 16"),
    (commands.set_baud(1, 9600), "68 03 03 68 53 01 BD 11 16"),
    (commands.set_baud(1, 19200), "68 03 03 68 53 01 BE 12 16"),
    (commands.set_baud(1, 38400), "68 03 03 68 53 01 BF 13 16"),
    (commands.application_reset(1), "68 03 03 68 53 01 50 A4 16"),
    (commands.application_reset(1, 0x50), "68 04 04 68 53 01 50 50 F4 16"),
    (commands.request_readout(1), "68 04 04 68 53 01 51 7F 24 16"),
    (commands.select_records(1, bytes.fromhex("087E")), "68 05 05 68 53 01 51 08 7E 2B 16"),
    (commands.select_records(1), "68 06 06 68 53 01 51 C8 3F 7E 2A 16"),
    (commands.command(1, b"\x7f", answered=True), "68 04 04 68 43 01 51 7F 14 16"),
    (commands.command(1, b"\x7f", answered=True, fcb=True), "68 04 04 68 63 01 51 7F 34 16"),
    (commands.command(1, b"\x7f", header=SHORT), "68 08 08 68 53 01 5A 07 00 00 00 7F 34 16"),
    (
        commands.command(1, b"\x7f", header=LONG),
        "68 10 10 68 53 01 5B 78 56 34 12 2D 2C 35 04 07 00 00 00 7F DB 16",
    ),
    (
        commands.application_reset(1, 0x10, header=LONG),
        "68 10 10 68 53 01 53 78 56 34 12 2D 2C 35 04 07 00 00 00 10 64 16",
    ),
    (commands.request_application(1), "68 03 03 68 53 01 54 A8 16"),
    (
        commands.request_application(1, 0x10, header=LONG),
        "68 10 10 68 53 01 55 78 56 34 12 2D 2C 35 04 07 00 00 00 10 66 16",
    ),
    (commands.synchronise(), "68 03 03 68 53 FF 5C AE 16"),
]


@pytest.mark.parametrize(("frame", "expected"), VECTORS)
def test_a_command_is_sent_as_the_vector_says(frame: ShortFrame | LongFrame, expected: str) -> None:
    assert frame.to_bytes().hex(" ").upper() == expected


def test_every_rate_has_its_code_in_a_row() -> None:
    rates = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400)
    assert [commands.set_baud(1, rate).ci for rate in rates] == list(range(0xB8, 0xC0))


@pytest.mark.parametrize("new", [251, 252, 253, 254, 255, 256, -1])
def test_a_meter_is_never_given_an_address_that_no_meter_may_own(new: int) -> None:
    with pytest.raises(AddressError, match="0 to 250"):
        commands.set_primary(1, new)


@pytest.mark.parametrize("address", [-1, 252, 256, 1000])
def test_no_frame_is_built_for_an_address_where_nobody_listens(address: int) -> None:
    with pytest.raises(AddressError):
        commands.snd_nke(address)


@pytest.mark.parametrize("request_of", [commands.req_ud1, commands.req_ud2])
def test_nobody_is_asked_for_data_at_the_broadcast_address(
    request_of: Callable[..., ShortFrame],
) -> None:
    with pytest.raises(AddressError, match="broadcast"):
        request_of(0xFF, fcb=True)


def test_a_mask_is_no_address_that_a_meter_could_be_given() -> None:
    with pytest.raises(AddressError, match="wildcards"):
        commands.set_secondary(1, SecondaryAddress("12345678"))


@pytest.mark.parametrize(
    "identification", ["1234567", "123456789", "1234567A", "FFFFFFFF", "１２３４５６７８"]
)
def test_an_identification_to_be_set_has_eight_decimal_digits(identification: str) -> None:
    with pytest.raises(EncodeError, match="eight digits"):
        commands.set_identification(1, identification)


def test_hex_digits_are_refused_in_a_complete_address_too() -> None:
    with pytest.raises(EncodeError, match="eight digits"):
        commands.set_secondary(1, SecondaryAddress("0500023E", 0x2C2D, 0x35, 0x04))


def test_hex_digits_of_a_mask_travel_as_they_are() -> None:
    assert commands.select(SecondaryAddress("0500023E")).data[:4] == bytes.fromhex("3E020005")


@pytest.mark.parametrize("baud", [0, 110, 2401, 57600])
def test_a_rate_without_code_is_refused(baud: int) -> None:
    with pytest.raises(EncodeError, match="38400"):
        commands.set_baud(1, baud)


@pytest.mark.parametrize("subcode", [-1, 256])
def test_a_sub_code_is_one_byte(subcode: int) -> None:
    with pytest.raises(EncodeError):
        commands.application_reset(1, subcode)


def test_a_year_that_two_digits_cannot_tell_is_refused() -> None:
    with pytest.raises(EncodeError, match="2081"):
        commands.set_clock(1, datetime(2081, 1, 1))


def test_more_records_than_a_frame_holds_are_refused() -> None:
    with pytest.raises(EncodeError, match="252"):
        commands.command(1, bytes(253))


def test_a_reset_has_no_form_with_a_short_header() -> None:
    with pytest.raises(EncodeError, match="short header"):
        commands.application_reset(1, header=SHORT)


def test_an_empty_selection_of_records_is_refused() -> None:
    with pytest.raises(EncodeError, match="application reset"):
        commands.select_records(1, b"")


def test_seconds_are_set_with_the_long_date_type() -> None:
    frame = commands.set_clock(1, datetime(2024, 2, 29, 23, 59, 58), seconds=True)
    assert frame.data.hex() == "066d" + "ba3b171d3200"
