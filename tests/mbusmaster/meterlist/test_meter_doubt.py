"""Times that were stamped with a doubtful clock say so, in the list, in files and in the report."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mbus.addressing import SecondaryAddress
from mbusmaster.meterlist import MeterList, Status, commissioning
from mbusmaster.meterlist.diagnosis import Verdict
from mbusmaster.meterlist.doubt import Stamp, doubts_of, doubts_text
from mbusmaster.meterlist.sighting import Sighting

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
METER = SecondaryAddress.from_text("11111111.KAM.35.04")
VERSION_1 = """
CREATE TABLE meter (
    id INTEGER PRIMARY KEY AUTOINCREMENT, bus TEXT NOT NULL, secondary TEXT, primary_address INTEGER, medium TEXT,
    fabrication TEXT, first_seen TEXT, last_seen TEXT, status TEXT NOT NULL, checked TEXT,
    remark TEXT NOT NULL, note TEXT NOT NULL
) STRICT;
CREATE TABLE rate (
    meter INTEGER NOT NULL REFERENCES meter(id) ON DELETE CASCADE, baud INTEGER NOT NULL, last_seen TEXT NOT NULL,
    answers INTEGER NOT NULL, PRIMARY KEY (meter, baud)
) STRICT, WITHOUT ROWID;
CREATE TABLE expected (
    id INTEGER PRIMARY KEY AUTOINCREMENT, bus TEXT NOT NULL, secondary TEXT, primary_address INTEGER, medium TEXT, baud INTEGER,
    fabrication TEXT, note TEXT NOT NULL, status TEXT NOT NULL, checked TEXT, remark TEXT NOT NULL
) STRICT;
INSERT INTO meter VALUES (7, 'main', '1111111143203504', 5, 'heat_outlet', NULL, '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z',
    'answers', '2026-01-02T03:04:05Z', '', 'cellar');
INSERT INTO expected VALUES (1, 'main', '1111111143203504', NULL, NULL, NULL, NULL, '', 'not_asked', NULL, '');
PRAGMA user_version=1;
"""


class Watch:
    """A clock that can be doubtful."""

    def __init__(self) -> None:
        self.now, self.is_doubtful = START, True

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def meters(tmp_path: Path, watch: Watch) -> Iterator[MeterList]:
    listed = MeterList(tmp_path / "meters.db", clock=watch, is_doubtful=lambda: watch.is_doubtful)
    yield listed
    listed.close()


def see(meters: MeterList) -> frozenset[Stamp]:
    return meters.record(Sighting(Status.ANSWERS, METER, 5), bus="main", baud=2400).meter.doubts


def test_a_doubtful_time_stays_marked_until_it_is_taken_anew(meters: MeterList, watch: Watch) -> None:
    assert see(meters) == set(Stamp)
    watch.is_doubtful = False
    assert see(meters) == {Stamp.FIRST_SEEN}
    watch.is_doubtful = True
    (row,) = meters.meters()
    silent = meters.conclude(row.id, Verdict(Status.SILENT, "no answer"), asked=2400)
    assert silent is not None
    assert silent.doubts == {Stamp.FIRST_SEEN, Stamp.CHECKED}


def test_marks_outlast_a_restart(meters: MeterList, tmp_path: Path, watch: Watch) -> None:
    see(meters)
    again = MeterList(tmp_path / "meters.db", clock=watch)
    assert again.meters()[0].doubts == set(Stamp)
    again.close()


def test_a_file_has_the_column_only_where_there_is_doubt_and_gives_it_back(
    meters: MeterList, tmp_path: Path, watch: Watch
) -> None:
    see(meters)
    data = meters.to_csv()
    assert b",doubtful_times\r\n" in data
    assert data.rstrip().endswith(b",first_seen last_seen checked")
    (tmp_path / "other").mkdir()
    other = MeterList(tmp_path / "other" / "meters.db", clock=watch)
    report = other.import_csv(data, bus="main")
    assert (report.added, report.warnings) == (1, ())
    assert other.meters()[0].doubts == set(Stamp)
    other.close()
    watch.is_doubtful = False
    meters.clear()
    see(meters)
    assert b"doubtful_times" not in meters.to_csv()


def test_a_good_time_of_the_list_is_not_doubted_for_what_a_file_says(meters: MeterList, watch: Watch) -> None:
    watch.is_doubtful = False
    see(meters)
    line = b"secondary_address,last_seen,doubtful_times\r\n1111111143203504,2026-11-22T13:00:00Z,last_seen nonsense\r\n"
    assert not meters.import_csv(line.replace(b"1111111143203504", str(METER).encode()), bus="main").problems
    assert meters.meters()[0].doubts == frozenset()


def test_a_report_says_that_a_finding_or_its_own_time_is_doubtful(meters: MeterList, watch: Watch) -> None:
    watch.is_doubtful = False
    see(meters)
    assert not commissioning(meters, START).is_clock_doubtful
    assert commissioning(meters, START, doubtful=True).is_clock_doubtful
    watch.is_doubtful = True
    see(meters)
    assert commissioning(meters, START).is_clock_doubtful


def test_a_list_of_the_first_version_is_taken_over_whole(tmp_path: Path) -> None:
    path = tmp_path / "meters.db"
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1)
    connection.close()
    for _ in range(2):
        meters = MeterList(path, clock=lambda: START)
        (row,) = meters.meters()
        assert (row.id, row.note, row.doubts, meters.problem) == (7, "cellar", frozenset(), "")
        assert len(meters.expected) == 1
        meters.close()


def test_something_else_that_says_it_is_of_the_first_version_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "meters.db"
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE other (a); PRAGMA user_version=1;")
    connection.close()
    meters = MeterList(path, clock=lambda: START)
    assert "damaged" in meters.problem
    meters.close()


def test_marks_are_written_in_one_order_and_only_known_ones_are_read() -> None:
    assert doubts_text(frozenset(Stamp)) == "first_seen last_seen checked"
    assert doubts_of("checked") == {Stamp.CHECKED}
    with pytest.raises(ValueError, match="never"):
        doubts_of("never")
