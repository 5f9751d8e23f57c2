"""One test or more for each line of the list of decoding traps: what other decoders get wrong, right here."""

import json
from decimal import Decimal

import pytest

from mbus.addressing import SecondaryAddress
from mbus.application.as_json import dumps, telegram_as_json
from mbus.application.telegram import decode_telegram
from mbus.errors import InvalidFrameError
from mbus.link.decoder import Dropped, StreamDecoder
from mbus.link.frames import LongFrame
from support.telegrams import record_of, recorded, telegram_of


def test_trap_1_a_real_is_scaled_by_the_exponent_of_its_vif() -> None:
    assert recorded("EDC").records[8].value == pytest.approx(0.000707, rel=1e-3)
    assert recorded("SEN_Pollustat").records[7].value == pytest.approx(-170.7, rel=1e-3)
    six_kilowatt = record_of("05 2E 85EBC140")
    assert six_kilowatt.unit == "W"
    assert six_kilowatt.value == pytest.approx(6060, rel=1e-3)
    assert isinstance(six_kilowatt.value, float)


@pytest.mark.parametrize(
    ("name", "count", "broken"), [("ELS_Elster-F96-Plus", 16, (4, 5)), ("abb_f95", 14, (2, 3))]
)
def test_trap_2_a_bcd_with_other_digits_is_no_value_and_decoding_goes_on(
    name: str, count: int, broken: tuple[int, int]
) -> None:
    telegram = recorded(name)
    assert len(telegram.records) == count
    assert telegram.error is None
    for index in broken:
        assert telegram.records[index].value is None
        assert (telegram.records[index].status or "").startswith("not a decimal number")
        assert telegram.records[index].raw


def test_trap_2_a_top_digit_f_is_a_minus_sign() -> None:
    assert record_of("0B 61 1800F0").value == Decimal("-0.18")
    assert record_of("0C 7E 214365F7").value == -7654321


@pytest.mark.parametrize("data", ["04 6D 3B177F1C", "06 6D 003B177F1C00"])
def test_trap_3_day_31_is_the_31st_and_not_every_day(data: str) -> None:
    assert record_of(data).value == "2011-12-31T23:59:00"


def test_trap_4_six_bytes_of_vif_6d_are_type_i() -> None:
    record = recorded("LGB_G350").records[1]
    assert (record.quantity, record.value) == ("date_time", "2016-07-22T08:00:00")


def test_trap_4_three_bytes_of_vif_6d_are_a_time_of_day() -> None:
    assert record_of("03 6D 1E2D0D").value == "13:45:30"


@pytest.mark.parametrize(
    ("data", "moment"),
    [
        ("1A0F6511", "2011-01-05T15:26:00"),
        ("1A2F6511", "2011-01-05T15:26:00"),
        ("1A4F6511", "2111-01-05T15:26:00"),
        ("100905C5", "1996-05-05T09:16:00"),
        ("000001A1", "2080-01-01T00:00:00"),
        ("000021A1", "1981-01-01T00:00:00"),
    ],
)
def test_trap_5_the_century_comes_from_the_hundred_year_bits_or_the_rule_of_80(
    data: str, moment: str
) -> None:
    assert record_of(f"04 6D {data}").value == moment


def test_trap_5_year_127_is_every_year() -> None:
    assert recorded("landis+gyr_ultraheat_t230").records[32].value == "--01-01T00:00:00"


def test_trap_5_a_time_that_the_meter_marks_invalid_is_no_value_but_told() -> None:
    record = recorded("REL-Relay-Padpuls2").records[1]
    assert record.value is None
    assert record.status == "the meter marks its time as invalid: 2015-07-09T21:33:00"


def test_trap_5_summer_time_is_not_lost() -> None:
    assert record_of("04 6D 1AAF6511").modifiers == ("summer_time",)
    assert record_of("04 6D 1A2F6511").modifiers == ()


@pytest.mark.parametrize("record", ["42 6C FFFF", "42 6C 0000", "04 6D FFFFFFFF", "04 6D 00000000", "00 6D"])
def test_trap_6_dates_of_all_ones_or_zeros_are_no_dates(record: str) -> None:
    found = record_of(record)
    assert found.value is None
    assert found.status in ("no date", "no data")


@pytest.mark.parametrize(
    "record", ["01 5B 80", "02 5B 0080", "03 5B 000080", "04 5B 00000080", "06 06 000000000080"]
)
def test_trap_7_the_most_negative_number_is_invalid(record: str) -> None:
    assert (record_of(record).value, record_of(record).status) == (None, "invalid")


@pytest.mark.parametrize(
    ("record", "value"),
    [
        ("04 86 7D EA000000", 234_000_000),
        ("04 86 76 EA000000", 234_000),
        ("02 FD BA 73 6403", Decimal("0.868")),
        ("02 FB 97 72 AFFF", Decimal("-8.1")),
        ("02 FD C9 73 6403", Decimal("0.868")),
        ("04 86 F3 7D EA000000", 234_000),
    ],
)
def test_trap_8_multiplicative_vife_count_also_behind_extension_tables_and_in_chains(
    record: str, value: int | Decimal
) -> None:
    assert record_of(record).value == value


@pytest.mark.parametrize("vife", ["70", "77", "79", "7D"])
def test_trap_9_vife_behind_ff_are_the_makers_and_change_nothing(vife: str) -> None:
    found = record_of(f"02 FD C8 FF {vife} E808")
    assert found.value == 228
    assert found.modifiers == ("manufacturer_specific", f"vife:{vife}")


def test_trap_9_vife_of_a_manufacturer_vif_are_not_read_as_standard() -> None:
    found = record_of("02 FF 77 E400")
    assert (found.quantity, found.unit, found.value, found.modifiers) == (
        "manufacturer_specific",
        "",
        228,
        ("vife:77",),
    )


@pytest.mark.parametrize(
    ("vib", "quantity", "unit", "value"),
    [
        ("FB 08", "energy", "J", 700_000_000),
        ("FB 1A", "relative_humidity", "%", Decimal("0.7")),
        ("FB 2E", "frequency", "Hz", Decimal("0.7")),
        ("FB 02", "reactive_energy", "varh", 7000),
        ("FB 82 00", "reactive_energy", "varh", 7000),
        ("FB 17", "reactive_power", "var", 7000),
        ("FB 37", "apparent_power", "VA", 7000),
    ],
)
def test_trap_10_table_fb_has_units(vib: str, quantity: str, unit: str, value: int | Decimal) -> None:
    found = record_of(f"01 {vib} 07")
    assert (found.quantity, found.unit, found.value) == (quantity, unit, value)


def test_trap_10_a_radio_level_is_taken_as_sent_and_its_byte_kept() -> None:
    found = record_of("01 FD 71 E2")
    assert (found.quantity, found.unit, found.value, found.raw) == ("rf_level", "dBm", -30, b"\xe2")


@pytest.mark.parametrize("vib", ["7B", "7D", "6F", "FD 7C", "FB 07", "FD FD 7A"])
def test_trap_11_a_reserved_vif_is_a_record_with_the_number_as_sent(vib: str) -> None:
    telegram = telegram_of(f"0C {vib} 02030000 04 06 01000000")
    assert telegram.error is None
    assert telegram.records[0].value == 302
    assert telegram.records[0].quantity in ("unknown", "reserved")
    assert telegram.records[1].value == 1000


def test_trap_11_the_whole_frame_with_vif_7b_is_decoded() -> None:
    assert recorded("sen_pollutherm").error is None


def test_trap_12_a_plain_text_unit_stands_before_its_vife_in_real_meters() -> None:
    found = recorded("elv_temp_humid").records[1]
    assert (found.quantity, found.unit, found.value) == ("plain_text", "%RH", Decimal("45.64"))


def test_trap_12_a_plain_text_unit_behind_its_vife_is_found_too() -> None:
    telegram = telegram_of("02 FC 74 03 485225 D511 04 06 01000000")
    assert telegram.error is None
    assert (telegram.records[0].unit, telegram.records[0].value) == ("%RH", Decimal("45.65"))
    assert telegram.records[1].value == 1000


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("C2 3412", 1234),
        ("D2 3412", -1234),
        ("C0", None),
        ("E3 010203", 0x030201),
        ("03 434241", "ABC"),
        ("F0 0102030405060708090A0B0C0D0E0F10", "100F0E0D0C0B0A090807060504030201"),
    ],
)
def test_trap_13_a_variable_length_counts_bytes_by_its_first_byte(data: str, value: int | str | None) -> None:
    telegram = telegram_of(f"0D FD 3A {data} 04 06 01000000")
    assert telegram.error is None
    assert [record.value for record in telegram.records] == [value, 1000]


def test_trap_13_a_large_binary_of_a_real_meter_is_kept_whole() -> None:
    (found,) = recorded("example_binary16_lvar").records
    assert found.value == "173ED1DCB31AB53D0193A6272A5B0796"


def test_trap_14_the_length_comes_from_the_dif_whatever_the_vif_says() -> None:
    telegram = telegram_of("4E ED EB 00 563412150318 0E ED 18 000000000000 04 06 01000000")
    assert telegram.error is None
    assert [len(record.raw) for record in telegram.records] == [6, 6, 4]
    assert telegram.records[0].value is None
    assert telegram.records[1].status == "data error"


def test_trap_15_a_storage_number_has_up_to_41_bits() -> None:
    found = record_of("C4 8F8F8F8F8F8F8F8F8F0F 06 01000000")
    assert found.storage == 2**41 - 1
    found = record_of("84 FFFFFFFFFFFFFFFFFF7F 06 01000000")
    assert (found.storage, found.tariff, found.subunit) == (2**41 - 2, 2**20 - 1, 2**10 - 1)


@pytest.mark.parametrize(
    "record", ["84 8080808080808080808001 06 01000000", "04 86 BABABABABABABABABABA3A 01000000"]
)
def test_trap_15_an_eleventh_extension_is_refused(record: str) -> None:
    telegram = telegram_of("02 5B 1900" + record)
    assert [record.value for record in telegram.records] == [25]
    assert "more than 10 extensions" in (telegram.error or "")


def test_trap_16_64_bits_keep_every_digit() -> None:
    assert record_of("07 03 0100000000002000").value == 2**53 + 1
    assert record_of("07 00 0100000000002000").value == Decimal("9007199254740.993")
    assert record_of("06 03 000000800000").value == 0x80000000


def test_trap_17_a_real_that_is_no_number_is_null_in_json() -> None:
    for data in ("0000C07F", "0000807F", "000080FF"):
        (record,) = json.loads(dumps(telegram_as_json(telegram_of(f"05 2B {data}"))))["records"]
        assert record["value"] is None
        assert record["status"] == "not a finite number"


def test_trap_18_an_identification_with_hex_digits_is_read_and_selected_as_it_is() -> None:
    telegram = recorded("electricity-meter-1")
    assert telegram.error is None
    assert telegram.secondary is not None
    assert telegram.secondary.identification == "0500023E"
    assert telegram.secondary.to_bytes()[:4] == bytes.fromhex("3E020005")


@pytest.mark.parametrize("name", ["amt_calec_mb", "example_data_01", "example_data_02"])
def test_trap_18_an_old_signature_is_not_encryption(name: str) -> None:
    telegram = recorded(name)
    assert telegram.header is not None
    assert telegram.header.configuration in (0xFFFF, 0xB627)
    assert telegram.records
    assert telegram.error is None


def test_trap_19_the_fixed_structure_is_read() -> None:
    assert [record.value for record in recorded("manual_frame2").records] == [
        Decimal("0.001"),
        Decimal("0.135"),
    ]
    assert [record.value for record in recorded("sen_pollusonic_2").records] == [6_531_000, Decimal("0.069")]


@pytest.mark.parametrize(("ci", "header"), [(0x78, ""), (0x7A, "01000000")])
def test_trap_19_no_header_and_a_short_one_are_read(ci: int, header: str) -> None:
    telegram = decode_telegram(LongFrame(0x08, 1, ci, bytes.fromhex(header + "04 06 01000000")))
    assert [record.value for record in telegram.records] == [1000]
    assert telegram.secondary is None


def test_trap_19_an_application_error_is_said_and_other_ci_are_kept_raw() -> None:
    refused = decode_telegram(LongFrame(0x08, 1, 0x70, b"\x08"))
    assert refused.error == "the meter refuses: application too busy (code 8)"
    kept = decode_telegram(LongFrame(0x08, 1, 0xB7, b"\x01\x02"))
    assert kept.frame.data == b"\x01\x02"
    assert "B7" in (kept.error or "")


def test_trap_19_the_form_with_the_most_significant_byte_first_is_read() -> None:
    header = "12345678 2C2D 08 04 01 00 0000"
    telegram = decode_telegram(LongFrame(0x08, 1, 0x76, bytes.fromhex(header + "04 06 00000102")))
    assert str(telegram.secondary) == "123456782D2C0804"
    assert [record.value for record in telegram.records] == [258_000]
    assert telegram.records[0].raw == bytes.fromhex("00000102")


def test_trap_20_manufacturer_data_keep_the_order_of_the_wire() -> None:
    assert telegram_of("0F 010203").manufacturer_data == b"\x01\x02\x03"


def test_trap_20_dif_1f_is_no_record_but_says_that_more_follows() -> None:
    telegram = telegram_of("04 06 01000000 1F 0A0B")
    assert len(telegram.records) == 1
    assert telegram.more_follows
    assert telegram.manufacturer_data == b"\x0a\x0b"


def test_trap_21_fillers_stand_between_records_and_count_for_nothing() -> None:
    telegram = telegram_of("2F2F 01 5B 14 2F 3F 01 5F 0A 2F")
    assert [(record.index, record.value) for record in telegram.records] == [(0, 20), (1, 10)]


@pytest.mark.parametrize(("record", "status"), [("08 06", "selected for readout"), ("00 06", "no data")])
def test_trap_21_a_record_of_no_bytes_has_no_value(record: str, status: str) -> None:
    assert (record_of(record).value, record_of(record).status) == (None, status)


def test_trap_22_a_frame_with_a_wrong_checksum_is_refused() -> None:
    frame = bytearray(LongFrame(0x08, 1, 0x78, b"\x01\x5b\x14").to_bytes())
    frame[-2] ^= 1
    with pytest.raises(InvalidFrameError, match="checksum"):
        decode_telegram(bytes(frame))


def test_trap_23_json_is_utf_8_with_the_sign_of_degrees_as_it_is() -> None:
    text = dumps(telegram_as_json(telegram_of("01 5B 14")))
    assert "°C" in text
    assert json.loads(text.encode())["records"][0]["unit"] == "°C"


def test_trap_24_how_long_a_limit_was_exceeded_is_a_duration() -> None:
    records = recorded("SEN_Pollustat").records
    for index in (12, 13):
        assert (records[index].quantity, records[index].unit) == ("duration", "s")
        assert "of_volume_flow" in records[index].modifiers
    assert records[13].value == 0x2F4
    assert record_of("02 BE 5A 0200").value == 7200


def test_trap_25_a_frame_behind_garbage_is_found_and_the_garbage_told() -> None:
    frame = LongFrame(0x08, 1, 0x78, b"\x01\x5b\x14")
    events = StreamDecoder().feed(b"\x00\x68\x03\xfc" + frame.to_bytes() + frame.to_bytes())
    assert [event for event in events if not isinstance(event, Dropped)] == [frame, frame]


def test_trap_18_digits_a_to_f_of_an_identification_go_into_a_selection_unchanged() -> None:
    assert SecondaryAddress("ABCDEF01").to_bytes()[:4] == bytes.fromhex("01EFCDAB")
