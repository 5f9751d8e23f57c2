import pytest

from mbus.application import moments
from support.telegrams import record_of


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("5C37", "2026-07-28"),
        ("5F1C", "2010-12-31"),
        ("FFFC", "--12-31"),
        ("FFFF", None),
        ("0000", None),
        ("E1FF", "---01"),
        ("E0F5", "--05"),
        ("4031", "2026-01"),
        ("403F", "2026"),
        ("E0FF", None),
        ("1F32", None),
        ("1D32", "2024-02-29"),
        ("3D32", None),
        ("FDF2", "--02-29"),
        ("5E3D", None),
        ("81D1", None),
    ],
)
def test_type_g_is_a_date_or_a_repeated_one_or_none(data: str, text: str | None) -> None:
    value, status, _ = moments.date(bytes.fromhex(data))
    assert value == text
    assert (status is None) == (value is not None)


def test_type_f_without_a_time_is_a_date() -> None:
    assert record_of("04 6D 3F1F5C37").value == "2026-07-28"


@pytest.mark.parametrize(
    "data",
    ["3C0D5C37", "2D185C37", "2D0D5F32", "2D0D5C3D", "2D0D40D7"],
    ids=["60 min", "24 h", "31 Feb", "month 13", "y 106"],
)
def test_type_f_that_names_no_moment_of_the_calendar_is_no_value(data: str) -> None:
    found = record_of(f"04 6D {data}")
    assert (found.value, found.status) == (None, "not a date of the calendar")


@pytest.mark.parametrize(
    ("data", "value", "modifiers"),
    [
        ("1E2D0D5C3700", "2026-07-28T13:45:30", ()),
        ("5E2D0D5C3700", "2026-07-28T13:45:30", ("summer_time",)),
        ("9E2D4D5C371E", "2026-07-28T13:45:30", ()),
        ("3F2D0D5C3700", "2026-07-28T13:45:00", ()),
        ("1EAD0D5C3700", None, ()),
        ("FFFFFFFFFFFF", None, ()),
        ("000000000000", None, ()),
    ],
)
def test_type_i_is_a_date_and_time_to_the_second(
    data: str, value: str | None, modifiers: tuple[str, ...]
) -> None:
    found = record_of(f"06 6D {data}")
    assert (found.value, found.modifiers) == (value, modifiers)


@pytest.mark.parametrize(
    ("data", "value", "status"),
    [
        ("1E2D0D", "13:45:30", None),
        ("3F3F1F", None, "every time"),
        ("FFFFFF", None, "invalid"),
        ("3C0000", None, "not a time of day"),
    ],
)
def test_type_j_is_a_time_of_day(data: str, value: str | None, status: str | None) -> None:
    found = record_of(f"03 6D {data}")
    assert (found.value, found.status) == (value, status)


def test_type_k_is_the_interval_of_summer_time_with_its_shift() -> None:
    found = record_of("04 FD 72 02 9C 3F A3")
    assert found.value == "--03-28T02/--10-31"
    assert found.modifiers == ("enabled", "shift_hours:+1")


@pytest.mark.parametrize(
    "record", ["02 6D 5C37", "03 6C 000000", "05 6D 00000000", "0E 6D 000000000000", "07 6D 0000000000000001"]
)
def test_another_length_or_coding_is_no_date_and_keeps_its_bytes(record: str) -> None:
    found = record_of(record)
    assert (found.value, found.status) == (None, "no date or time has this data field")
    assert found.raw


@pytest.mark.parametrize(
    ("record", "value"),
    [
        ("02 FD 30 5C37", "2026-07-28"),
        ("04 FD 70 2D0D5C37", "2026-07-28T13:45:00"),
        ("02 86 39 5C37", "2026-07-28"),
        ("04 86 42 2D0D5C37", "2026-07-28T13:45:00"),
        ("02 86 FC 13 5C37", "2026-07-28"),
    ],
)
def test_dates_about_a_quantity_take_their_type_from_the_length(record: str, value: str) -> None:
    assert record_of(record).value == value


def test_a_date_in_a_variable_length_is_kept_raw() -> None:
    found = record_of("0D 6D 05 0102030405")
    assert found.value == "0102030405"


@pytest.mark.parametrize(
    ("data", "value", "status", "labels"),
    [
        ("02 9F 3B A3", "--03-31T02/--10-27", None, ("enabled", "shift_hours:+1")),
        ("02 1F 00 A3", None, "not a date of the calendar", ()),
        ("FF FF FF FF", None, "not a date of the calendar", ()),
        ("00 00 00 00", None, "not a date of the calendar", ()),
        ("18 9F 3B A3", None, "not a date of the calendar", ()),
    ],
)
def test_summer_time_is_an_interval_of_each_year_or_nothing(
    data: str, value: str | None, status: str | None, labels: tuple[str, ...]
) -> None:
    record = record_of(f"04 FD72 {data}")
    assert (record.value, record.status, record.modifiers) == (value, status, labels)
