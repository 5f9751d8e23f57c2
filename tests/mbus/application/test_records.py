import pytest

from mbus.application.records import decode_records
from support.telegrams import record_of, telegram_of


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ("04", "the data end before the VIF"),
        ("84", "the data end inside the DIF"),
        ("84 80", "the data end inside the DIF"),
        ("04 86", "the data end inside the VIF"),
        ("04 FD", "the data end inside the VIF"),
        ("04 06 0000", "4 data bytes announced, 2 are left"),
        ("0D 7E", "the data end before the length of a variable length"),
        ("0D 7E 05 00", "6 data bytes announced, 2 are left"),
        ("0D 7E F8 00", "variable length F8 is reserved"),
        ("0D 7E CA 00", "variable length CA is reserved"),
        ("01 7C", "the data end before the length of a plain-text unit"),
        ("01 7C C0 00", "a plain-text unit of 192 bytes does not fit"),
        ("01 FC 01", "a plain-text unit of 1 bytes does not fit"),
        ("4F 00", "DIF 4F is reserved"),
        ("8F 00", "DIF 8F is reserved"),
    ],
)
def test_a_broken_record_ends_the_records_keeps_what_came_before_and_says_where_and_why(
    rest: str, why: str
) -> None:
    telegram = telegram_of("01 5B 14" + rest)
    assert [record.value for record in telegram.records] == [20]
    assert telegram.error is not None
    assert telegram.error.startswith("record 1 at byte 3 of the user data: ")
    assert why in telegram.error


def test_a_record_keeps_its_bytes_so_that_it_can_be_put_together_again() -> None:
    data = "84C040 86BB3A 01000000 0D7C03485225 03414243 0F AABB"
    telegram = telegram_of(data)
    sent = b"".join(record.dib + record.vib + record.raw for record in telegram.records)
    assert sent + b"\x0f" + telegram.manufacturer_data == bytes.fromhex(data)


def test_no_data_at_all_is_no_error() -> None:
    body = decode_records(b"")
    assert (body.records, body.error, body.more_follows) == ((), None, False)


def test_ten_extensions_are_allowed() -> None:
    assert record_of("84 80808080808080808000 06 01000000").value == 1000
    assert record_of("04 86 BABABABABABABABABA3A 01000000").value == 1000
    assert record_of("01 FC 01 41 BABABABABABABABABA3A 01").value == 1


def test_ten_extensions_behind_a_plain_text_are_the_limit_too() -> None:
    telegram = telegram_of("01 FC 01 41 BABABABABABABABABABA3A 01")
    assert "more than 10 extensions of the VIF" in (telegram.error or "")


def test_every_function_has_its_word() -> None:
    telegram = telegram_of("01 5B 01 11 5B 02 21 5B 03 31 5B 04")
    assert [record.function for record in telegram.records] == [
        "instantaneous",
        "maximum",
        "minimum",
        "error",
    ]


def test_the_text_of_a_record_shows_no_data() -> None:
    found = record_of("04 FD 16 78563412")
    assert "78563412" not in repr(found)
    assert "12345678" not in str(found)
    assert "raw" not in repr(found)


def test_a_plain_text_with_vife_that_makes_no_sense_either_way_is_kept_as_the_older_reading_has_it() -> None:
    telegram = telegram_of("01 5B 14 02 FC 03 485225 74")
    assert [record.value for record in telegram.records] == [20]
    assert telegram.error is not None


def test_a_plain_text_whose_letters_cannot_be_printed_is_tried_the_other_way() -> None:
    # Read with the text in front this is a unit of 03 41 42 01 and one data byte; behind the VIFE it is "BA".
    telegram = telegram_of("01 FC 3B 02 4142 07")
    assert [(record.unit, record.value) for record in telegram.records] == [("BA", 7)]
