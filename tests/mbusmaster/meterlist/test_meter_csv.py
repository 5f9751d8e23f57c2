import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbus.addressing import SecondaryAddress
from mbusio.meterfile import (
    COLUMNS,
    MAX_SIZE,
    guarded,
    read_lines,
    unguarded,
    write_table,
)
from mbusmaster.meterlist import MeterList, MeterRefusedError, Query, Status
from mbusmaster.meterlist.meter import checked_note
from mbusmaster.meterlist.sighting import Sighting

NOW = datetime(2026, 11, 22, 12, 30, 15, tzinfo=UTC)
HEADER = ",".join(COLUMNS)
FIRST = SecondaryAddress.from_text("852467982D2C3504")


def make(path: Path) -> MeterList:
    return MeterList(path, clock=lambda: NOW)


@pytest.fixture
def meters(tmp_path: Path) -> Iterator[MeterList]:
    listed = make(tmp_path / "meters.db")
    yield listed
    listed.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[MeterList]:
    listed = make(tmp_path / "other.db")
    yield listed
    listed.close()


def fill(meters: MeterList) -> None:
    seen = Sighting(Status.ANSWERS, FIRST, 7, "heat_outlet", "00001234")
    meters.record(seen, bus="main", baud=2400)
    meters.record(Sighting(Status.ANSWERS, SecondaryAddress("00000012"), 8, "water"), bus="main", baud=9600)
    meters.record(Sighting(Status.GARBLED, primary=9), bus="main", baud=2400)
    meters.set_note(1, '\'=1+1; "quoted", Ærø\nsecond line')


def problems(meters: MeterList, text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    report = meters.import_csv(data, bus="main")
    assert not report.taken
    assert len(meters) == 0
    return [str(problem) for problem in report.problems]


def test_the_file_has_the_columns_of_the_list_and_one_line_per_meter(meters: MeterList) -> None:
    meters.record(Sighting(Status.ANSWERS, FIRST, 7, "heat_outlet", "00001234"), bus="main", baud=2400)
    assert (
        meters.to_csv()
        == (
            f"{HEADER}\r\n852467982D2C3504,85246798,KAM,53,heat_outlet,7,2400,00001234,"
            "2026-11-22T12:30:15Z,2026-11-22T12:30:15Z,answers,\r\n"
        ).encode()
    )


def test_a_byte_order_mark_stands_only_where_it_is_needed(meters: MeterList) -> None:
    meters.record(Sighting(Status.ANSWERS, FIRST, 7), bus="main", baud=2400)
    assert not meters.to_csv().startswith(b"\xef\xbb\xbf")
    meters.set_note(1, "Ærø")
    assert meters.to_csv().startswith(b"\xef\xbb\xbf")


def test_the_bus_is_named_where_there_are_several(meters: MeterList) -> None:
    meters.record(Sighting(Status.ANSWERS, FIRST, 7), bus="main", baud=2400)
    meters.record(Sighting(Status.ANSWERS, FIRST, 7), bus="cellar", baud=2400)
    lines = meters.to_csv().decode().splitlines()
    assert lines[0] == f"{HEADER},bus"
    assert {line.rpartition(",")[2] for line in lines[1:]} == {"main", "cellar"}
    assert meters.to_csv(Query(bus="main")).decode().splitlines()[0] == HEADER


def test_a_list_comes_back_from_its_file_as_it_was(meters: MeterList, other: MeterList) -> None:
    fill(meters)
    data = meters.to_csv()
    report = other.import_csv(data, bus="main")
    assert (report.taken, report.added, report.problems, report.warnings) == (True, 3, (), ())
    assert other.to_csv() == data
    again = other.import_csv(data, bus="main")
    assert (again.added, again.updated, again.unchanged) == (0, 0, 3)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.sampled_from(["", "'", "''", "=", "'+"]),
)
def test_any_text_comes_back_from_a_cell(text: str, start: str) -> None:
    cell = guarded(start + text)
    assert unguarded(cell) == start + text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_note_comes_back_from_a_file(text: str) -> None:
    try:
        note = checked_note(text)
    except MeterRefusedError:
        return
    data = write_table(("primary_address", "note"), [{"primary_address": "1", "note": note}])
    lines, report = read_lines(data)
    assert report.problems == ()
    assert lines[0].cells.get("note", "") == note


@pytest.mark.parametrize("note", ["=HYPERLINK(1)", "+1", "-1", "@x", "\uff1d1", "'=1", "''"])
def test_no_cell_is_a_formula(meters: MeterList, note: str) -> None:
    meters.record(Sighting(Status.ANSWERS, FIRST, 7), bus="main", baud=2400)
    meters.set_note(1, note)
    rows = list(csv.reader(io.StringIO(meters.to_csv().decode("utf-8-sig"))))
    assert rows[1][-1] == f"'{note}"


@pytest.mark.parametrize(
    "data",
    [
        b"identification;primary_address;note\n85246798;7;a;b\n".replace(b";a;b", b';"a;b"'),
        b'identification\tprimary_address\tnote\r\n85246798\t7\t"a;b"\r\n',
        b'sep=;\r\nidentification;primary_address;note\r\n85246798;7;"a;b"\r\n',
        b'\xef\xbb\xbfIdentification,Primary Address,Note\r\n85246798,7,"a;b"\r\n',
        'id,primary,note\r\n85246798,7,"a;b"\r\n'.encode("utf-16"),
        b'\r\nnote,id,primary\r\n\r\n"a;b",85246798,7',
    ],
)
def test_the_files_of_other_programs_are_understood(meters: MeterList, data: bytes) -> None:
    report = meters.import_csv(data, bus="main")
    assert report.problems == ()
    (row,) = meters.meters()
    assert (row.identification, row.primary, row.note) == ("85246798", 7, "a;b")
    assert row.status is Status.NOT_ASKED


def test_a_file_in_the_old_code_page_is_read_with_a_warning(meters: MeterList) -> None:
    report = meters.import_csv("primary_address,note\r\n7,Ærø\r\n".encode("cp1252"), bus="main")
    assert report.taken
    assert "Windows-1252" in report.warnings[0]
    assert meters.meters()[0].note == "Ærø"


def test_the_output_of_the_scan_command_can_be_imported(meters: MeterList) -> None:
    header = "primary,secondary_address,id,manufacturer,version,medium,medium_code,baud,remark"
    row = "1,852467982D2C3504,85246798,KAM,53,heat_outlet,4,2400,"
    report = meters.import_csv(f"{header}\r\n{row}\r\n".encode(), bus="main")
    assert report.taken
    assert "medium_code, remark" in report.warnings[0]
    assert meters.meters()[0].secondary == FIRST


def test_leading_zeros_that_a_spreadsheet_took_away_are_given_back(meters: MeterList) -> None:
    meters.import_csv(b"identification\n123\n", bus="main")
    assert meters.meters()[0].identification == "00000123"


def test_parts_of_an_address_are_put_together(meters: MeterList) -> None:
    meters.import_csv(
        b"identification,manufacturer,version,medium\n85246798,kam,53,heat_outlet\n12345678,,,4\n", bus="main"
    )
    first, second = meters.meters()
    assert first.secondary == FIRST
    assert second.medium == "heat_outlet"
    assert str(second.secondary) == "12345678FFFFFF04"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("852467982D2C350,,,,,,,,,,,", "line 2, secondary_address: "),
        ("8.52468E+15,,,,,,,,,,,", "spreadsheet"),
        ("FFFFFFFFFFFFFFFF,,,,,,,,,,,", "wildcard"),
        (",8524679X,,,,,,,,,,", "line 2, identification: "),
        ("852467982D2C3504,11111111,,,,,,,,,,", "line 2, identification: it says 11111111"),
        ("852467982D2C3504,,LUG,,,,,,,,,", "line 2, manufacturer: it says LUG"),
        ("852467982D2C3504,,,9,,,,,,,,", "line 2, version: it says 9"),
        (",,,,,251,,,,,,", "line 2, primary_address: "),
        (",,,,,٣,,,,,,", "line 2, primary_address: "),
        (",,,,,1,1234,,,,,", "line 2, baud_rate: "),
        (",,,,,1,,x\x07,,,,", "line 2, fabrication_number: "),
        (",,,,,1,,,yesterday,,,", "line 2, first_seen: "),
        (",,,,,1,,,,0001-01-01T00:00:00+14:00,,", "line 2, last_seen: "),
        (",,,,,1,,,,,sleepy,", "line 2, status: "),
        (f",,,,,1,,,,,,{'n' * 201}", "line 2, note: "),
        (f",,,,,1,,,,,,{'n' * 2001}", "more than 1000 characters"),
        (",,,,,,,,,,,nobody", "names no meter"),
        (",,,,,1,,,,,,,,surplus", "14 cells"),
        (',,,,,1,,,,,,"never closed', "cannot be read"),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_what_is_wrong(
    meters: MeterList, row: str, words: str
) -> None:
    told = problems(meters, f"{HEADER}\r\n{row}\r\n")
    assert len(told) == 1
    assert words in told[0]


def test_a_line_behind_a_note_of_several_lines_has_the_number_of_the_file(meters: MeterList) -> None:
    told = problems(meters, 'primary_address,note\n1,"a\nb\nc"\n999,x\n')
    assert [text.partition(",")[0] for text in told] == ["line 5"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf\r\n", "it is empty"),
        (b"852467982D2C3504,1\r\n", "the first line must name the columns"),
        (b"primary_address,primary\r\n1,1\r\n", "twice"),
        (b"primary_address\r\n1\0\r\n", "zero bytes"),
        (b"x" * (MAX_SIZE + 1), "more than"),
        (b"primary_address\n" + b"\n".join(b"%d" % (n % 200) for n in range(2001)), "more than 2000 lines"),
    ],
)
def test_a_file_that_is_no_list_is_told_as_such(meters: MeterList, data: bytes, words: str) -> None:
    assert any(words in text for text in problems(meters, data))


def test_of_many_problems_the_first_are_told_and_all_are_counted(meters: MeterList) -> None:
    report = meters.import_csv(b"primary_address\n" + b"999\n" * 500, bus="main")
    assert len(report.problems) == 100
    assert report.problem_count == 500


def test_one_meter_twice_in_a_file_is_a_problem(meters: MeterList) -> None:
    assert "line 2" in problems(meters, "secondary_address\n852467982D2C3504\n852467982d2c3504\n")[0]
    assert "line 2" in problems(meters, "primary_address\n1\n1\n")[0]


def test_good_lines_are_taken_only_when_that_is_asked_for(meters: MeterList) -> None:
    data = b"primary_address\n1\n999\n3\n"
    assert len(problems(meters, data)) == 1
    report = meters.import_csv(data, bus="main", partial=True)
    assert (report.taken, report.added, report.problem_count) == (True, 2, 1)
    assert [row.primary for row in meters.meters()] == [1, 3]


def test_a_file_that_does_not_fit_is_not_taken(meters: MeterList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mbusmaster.meterlist.meters.MAX_METERS", 2)
    data = b"primary_address\n1\n2\n3\n"
    assert "room for 2" in problems(meters, data)[0]
    assert meters.import_csv(data, bus="main", partial=True).added == 2
    assert len(meters) == 2


def test_an_import_completes_known_meters_and_overwrites_nothing_that_was_seen(meters: MeterList) -> None:
    meters.record(Sighting(Status.ANSWERS, FIRST, 7, "heat_outlet"), bus="main", baud=2400)
    data = (
        "secondary_address,primary_address,fabrication_number,status,first_seen,note\n"
        "852467982D2C3504,99,4711,silent,2024-01-01,flat 3\n"
    )
    report = meters.import_csv(data.encode(), bus="main")
    assert (report.added, report.updated) == (0, 1)
    (row,) = meters.meters()
    assert (row.primary, row.status, row.fabrication, row.note) == (7, Status.ANSWERS, "4711", "flat 3")
    assert row.first_seen == datetime(2024, 1, 1, tzinfo=UTC)


def test_a_list_by_primary_address_gives_notes_to_the_meters_there(meters: MeterList) -> None:
    meters.record(Sighting(Status.ANSWERS, FIRST, 7), bus="main", baud=2400)
    meters.import_csv(b"primary_address,note\n7,flat 3\n8,flat 4\n", bus="main")
    assert [(row.primary, row.note) for row in meters.meters()] == [(7, "flat 3"), (8, "flat 4")]


@given(st.binary(max_size=300))
def test_no_file_raises_anything(data: bytes) -> None:
    read_lines(data)
    read_lines(b"primary_address,note,status\n" + data)


def test_a_line_may_name_one_of_the_buses_that_there_are(meters: MeterList) -> None:
    data = b"primary_address,bus\n1,cellar\n2,\n3,attic\n"
    report = meters.import_csv(data, bus="main", buses=["main", "cellar"])
    assert "there is no bus attic" in str(report.problems[0])
    meters.import_csv(data, bus="main", buses=["main", "cellar"], partial=True)
    assert [row.bus for row in meters.meters()] == ["cellar", "main"]


def test_two_lines_that_mean_one_known_meter_are_a_problem(meters: MeterList) -> None:
    meters.record(Sighting(Status.ANSWERS, FIRST, 7), bus="main", baud=2400)
    report = meters.import_csv(b"secondary_address,primary_address\n852467982D2C3504,\n,7\n", bus="main")
    assert [str(problem) for problem in report.problems] == ["line 3: it is the meter of line 2 once more"]


def test_a_maker_without_letters_is_written_as_its_code(meters: MeterList, other: MeterList) -> None:
    odd = SecondaryAddress("12345678", 0xFFFE, 1, 4)
    meters.record(Sighting(Status.ANSWERS, odd, 7), bus="main", baud=2400)
    assert other.import_csv(meters.to_csv(), bus="main").taken
    assert other.meters()[0].manufacturer == "FFFE"
