from decimal import Decimal

import pytest

from mbus.application.as_json import telegram_as_json
from mbus.application.records import Record
from mbus.application.telegram import Telegram, decode_telegram
from mbus.link.frames import LongFrame
from support.telegrams import recorded


def fixed(body: str, ci: int = 0x73) -> Telegram:
    return decode_telegram(LongFrame(0x08, 5, ci, bytes.fromhex(body)))


def counters(telegram: Telegram) -> list[tuple[str, str, object, int]]:
    def short(record: Record) -> tuple[str, str, object, int]:
        return record.quantity, record.unit, record.value, record.storage

    assert telegram.error is None
    return [short(record) for record in telegram.records]


def test_counters_are_bcd_and_current_when_the_status_bits_are_clear() -> None:
    assert counters(fixed("78563412 0A 00 05 69 78563412 35010000")) == [
        ("energy", "Wh", 12_345_678_000, 0),
        ("volume", "m³", Decimal("0.135"), 0),
    ]


def test_status_bit_0_makes_them_binary_and_bit_1_stored() -> None:
    assert counters(fixed("78563412 0A 03 05 69 FEFFFFFF 35010000")) == [
        ("energy", "Wh", -2000, 1),
        ("volume", "m³", Decimal("0.309"), 1),
    ]


def test_the_historic_unit_is_that_of_counter_1_with_storage_1() -> None:
    assert counters(fixed("78563412 0A 00 E9 7E 01000000 35010000")) == [
        ("volume", "m³", Decimal("0.001"), 0),
        ("volume", "m³", Decimal("0.135"), 1),
    ]


@pytest.mark.parametrize(
    ("units", "ci"), [("85 A9", 0x73), ("05 29", 0x77)], ids=["media of mode 2", "CI 77"]
)
def test_counters_may_begin_with_the_most_significant_byte(units: str, ci: int) -> None:
    assert [record.value for record in fixed(f"12345678 0A 00 {units} 00000012 00000034", ci).records] == [
        12_000,
        Decimal("0.034"),
    ]


def test_ci_77_has_its_identification_in_reading_order() -> None:
    telegram = fixed("12345678 0A 00 05 29 00000012 00000034", 0x77)
    assert telegram.secondary is not None
    assert telegram.secondary.identification == "12345678"


def test_reserved_units_give_the_number_without_a_unit() -> None:
    assert counters(fixed("78563412 0A 00 3A 3F 01000000 02000000")) == [
        ("unknown", "", 1, 0),
        ("dimensionless", "", 2, 0),
    ]


def test_times_and_dates_are_their_digits() -> None:
    assert counters(fixed("78563412 0A 00 00 01 59301200 26072800")) == [
        ("time_hms", "", "00123059", 0),
        ("date_dmy", "", "00280726", 0),
    ]


def test_json_says_the_medium_by_its_own_code_and_leaves_out_what_is_not_there() -> None:
    assert telegram_as_json(recorded("manual_frame2"))["header"] == {
        "id": "12345678",
        "manufacturer": None,
        "version": None,
        "medium": "water",
        "medium_code": 7,
        "access_number": 10,
        "status": 0,
        "configuration": None,
        "secondary_address": None,
    }


def test_another_length_under_the_same_ci_is_a_compact_frame_and_kept_raw() -> None:
    telegram = fixed("78563412 2D2C 08 04 01 00 0000 AABBCC")
    assert telegram.records == ()
    assert "compact frame" in (telegram.error or "")
    assert telegram.secondary is not None
