from decimal import Decimal

import pytest

from mbus.application import datatypes
from mbus.application.scaling import real_scaler, scaler
from support.telegrams import record_of

ONE = scaler(1, 0, Decimal(0))


@pytest.mark.parametrize(
    ("data", "reading"),
    [
        ("78563412", (12345678, None, ())),
        ("214365F7", (-7654321, None, ())),
        ("000000F0", (0, None, ())),
        ("214365A7", (None, "not a decimal number: A7654321", ())),
        ("2143F507", (None, "not a decimal number: 07F54321", ())),
        ("FFFFFFFF", (None, "no value", ())),
        ("", (None, "no data", ())),
    ],
)
def test_type_a_is_decimal_digits_with_a_sign_and_error_digits(data: str, reading: datatypes.Reading) -> None:
    assert datatypes.bcd(ONE)(bytes.fromhex(data)) == reading


@pytest.mark.parametrize(("data", "value"), [("FF", -1), ("0180", -32767), ("FFFF7F", 8388607), ("01", 1)])
def test_type_b_is_signed(data: str, value: int) -> None:
    raw = bytes.fromhex(data)
    assert datatypes.signed(len(raw), ONE)(raw) == (value, None, ())


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 8])
def test_type_c_has_no_sign_and_all_ones_are_invalid(size: int) -> None:
    read = datatypes.unsigned(size, ONE)
    assert read(b"\x80" * size)[0] == int.from_bytes(b"\x80" * size, "little")
    assert read(b"\xff" * size) == datatypes.INVALID


def test_type_d_has_no_invalid_pattern() -> None:
    assert record_of("02 FD 17 FFFF").value == 0xFFFF


def test_type_h_keeps_what_the_meter_sent() -> None:
    read = datatypes.real(real_scaler(1, 0, Decimal(0)))
    assert read(bytes.fromhex("0000C03F")) == (1.5, None, ())


def test_a_text_travels_backwards_in_iso_8859_1() -> None:
    assert datatypes.text(bytes.fromhex("4843B0"))[0] == "°CH"


@pytest.mark.parametrize(
    ("record", "value"),
    [
        ("01 FD 09 F0", 0xF0),
        ("04 78 00000080", 0x80000000),
        ("01 7A F0", 0xF0),
        ("02 FD 1C 0096", 0x9600),
        ("01 86 FC 11 F0", 0xF0 * 1000),
        ("01 86 FC 12 FF", 0xFF),
        ("01 06 F0", -16_000),
    ],
)
def test_counters_without_sign_are_read_so_and_physical_values_are_signed(record: str, value: int) -> None:
    assert record_of(record).value == value


@pytest.mark.parametrize(
    ("record", "value"),
    [
        ("07 79 78563412 2D2C 08 04", "123456782D2C0804"),
        ("0C 79 78563412", 12345678),
        ("04 79 4E61BC00", 12345678),
    ],
)
def test_an_identification_is_a_number_or_the_eight_bytes_of_an_address(
    record: str, value: int | str
) -> None:
    assert record_of(record).value == value


@pytest.mark.parametrize("vib", ["FD 3B", "FD 76", "FD 73", "86 1E", "86 1F", "86 13"])
def test_containers_and_profiles_are_hex_in_the_order_of_the_wire_without_a_unit(vib: str) -> None:
    found = record_of(f"0D {vib} 03 0A0B0C")
    assert (found.value, found.unit) == ("0A0B0C", "")
    assert found.raw == bytes.fromhex("030A0B0C")
