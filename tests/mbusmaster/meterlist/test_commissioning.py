from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mbus.addressing import SecondaryAddress
from mbusmaster.meterlist import Commissioning, Difference, Kind, MeterList, Status, commissioning
from mbusmaster.meterlist.diagnosis import Verdict
from mbusmaster.meterlist.sighting import Sighting

NOW = datetime(2026, 11, 22, 12, 30, 15, tzinfo=UTC)


@pytest.fixture
def meters(tmp_path: Path) -> Iterator[MeterList]:
    listed = MeterList(tmp_path / "meters.db", clock=lambda: NOW)
    yield listed
    listed.close()


def found(
    meters: MeterList, address: str, primary: int, baud: int = 2400, fabrication: str | None = None
) -> int:
    secondary = SecondaryAddress.from_text(address)
    seen = Sighting(Status.ANSWERS, secondary, primary, "heat_outlet", fabrication)
    return meters.record(seen, bus="main", baud=baud).meter.id


def expect(meters: MeterList, text: str) -> Commissioning:
    report = meters.expected.import_csv(text.encode(), bus="main")
    assert report.taken, report.problems
    return commissioning(meters, NOW)


def kinds(report: Commissioning) -> list[Kind]:
    return [item.kind for item in report.items]


def test_what_is_expected_and_found_is_complete(meters: MeterList) -> None:
    found(meters, "11111111.KAM.35.04", 1)
    found(meters, "22222222.KAM.35.04", 2)
    report = expect(meters, "identification,primary_address,baud_rate\n22222222,2,2400\n11111111,1,\n")
    assert kinds(report) == [Kind.FOUND, Kind.FOUND]
    assert (report.percent, report.expected, report.is_complete) == (100, 2, True)


def test_what_is_missing_says_what_was_seen(meters: MeterList) -> None:
    silent = found(meters, "11111111.KAM.35.04", 1)
    meters.conclude(silent, Verdict(Status.SILENT, "no answer at 2400 baud"), asked=2400)
    found(meters, "33333333.KAM.35.04", 3)
    report = expect(meters, "identification\n11111111\n22222222\n33333333\n")
    assert kinds(report) == [Kind.MISSING, Kind.MISSING, Kind.FOUND]
    assert [item.status for item in report.items] == [Status.SILENT, Status.NOT_ASKED, Status.ANSWERS]
    assert report.items[0].remark == "no answer at 2400 baud"
    assert report.percent == 33
    assert not report.is_complete


def test_what_differs_says_in_what(meters: MeterList) -> None:
    found(meters, "11111111.KAM.35.04", 6, 9600, "00004712")
    text = (
        "identification,primary_address,baud_rate,medium,fabrication_number\n11111111,5,2400,water,00004711\n"
    )
    (item,) = expect(meters, text).items
    assert item.kind is Kind.DIFFERING
    assert item.differences == (
        Difference("primary_address", "5", "6"),
        Difference("baud_rate", "2400", "9600"),
        Difference("medium", "water", "heat_outlet"),
        Difference("fabrication_number", "00004711", "00004712"),
    )


def test_a_meter_of_another_maker_or_version_differs(meters: MeterList) -> None:
    found(meters, "11111111.KAM.35.04", 1)
    (item,) = expect(meters, "identification,manufacturer,version\n11111111,LUG,7\n").items
    assert item.differences == (Difference("manufacturer", "LUG", "KAM"), Difference("version", "7", "53"))


def test_a_meter_that_answers_at_the_expected_rate_and_others_does_not_differ(meters: MeterList) -> None:
    found(meters, "11111111.KAM.35.04", 5, 2400)
    found(meters, "11111111.KAM.35.04", 5, 9600)
    assert kinds(expect(meters, "identification,baud_rate\n11111111,2400\n")) == [Kind.FOUND]


def test_who_is_there_and_not_expected_is_told_and_who_was_taken_away_is_not(meters: MeterList) -> None:
    found(meters, "11111111.KAM.35.04", 1)
    found(meters, "22222222.KAM.35.04", 2)
    gone = found(meters, "33333333.KAM.35.04", 3)
    meters.conclude(gone, Verdict(Status.SILENT, ""), asked=2400)
    meters.record(Sighting(Status.GARBLED, primary=9), bus="main", baud=2400)
    report = expect(meters, "identification\n22222222\n")
    assert kinds(report) == [Kind.FOUND, Kind.UNEXPECTED, Kind.UNEXPECTED]
    assert [item.meter.address for item in report.items[1:] if item.meter] == ["9", "111111112D2C3504"]
    assert not report.is_complete


def test_the_whole_address_counts_more_than_the_identification(meters: MeterList) -> None:
    found(meters, "11111111.LUG.07.07", 1)
    found(meters, "11111111.KAM.35.04", 2)
    report = expect(meters, "secondary_address,identification\n,11111111\n111111112D2C3504,\n")
    primaries = [item.meter.primary for item in report.items if item.meter]
    assert primaries == [1, 2]


def test_meters_are_expected_by_fabrication_number_or_primary_address_too(meters: MeterList) -> None:
    found(meters, "11111111.KAM.35.04", 1, fabrication="00004711")
    found(meters, "22222222.KAM.35.04", 2)
    report = expect(meters, "primary_address,fabrication_number\n2,\n1,00004711\n")
    assert kinds(report) == [Kind.FOUND, Kind.FOUND]


def test_no_row_stands_for_two_expected_meters(meters: MeterList) -> None:
    found(meters, "11111111.KAM.35.04", 1)
    report = expect(meters, "secondary_address,primary_address\n111111112D2C3504,\n,1\n")
    assert kinds(report) == [Kind.FOUND, Kind.MISSING]


def test_nothing_expected_has_no_percentage(meters: MeterList) -> None:
    found(meters, "11111111.KAM.35.04", 1)
    report = commissioning(meters, NOW)
    assert (report.percent, report.is_complete, report.count(Kind.UNEXPECTED)) == (None, False, 1)
    assert report.last_checked == NOW


def test_a_new_list_of_expected_meters_replaces_the_one_before_and_comes_back_from_its_file(
    meters: MeterList,
) -> None:
    expect(meters, "identification\n11111111\n")
    expect(meters, "identification,medium,version,note\n22222222,water,7,=flat\n33333333,,,\n")
    (one, _) = meters.expected.meters()
    assert one.address == "22222222FFFF0707"
    data = meters.expected.to_csv()
    before = [(one.address, one.medium, one.note) for one in meters.expected.meters()]
    assert meters.expected.import_csv(data, bus="main").taken
    assert [(one.address, one.medium, one.note) for one in meters.expected.meters()] == before
    assert meters.expected.clear() == 2
    assert len(meters.expected) == 0


def test_a_list_of_expected_meters_with_problems_is_not_taken(meters: MeterList) -> None:
    expect(meters, "identification\n11111111\n")
    report = meters.expected.import_csv(
        b"identification,bus\n2,main\n3,cellar\n4,main\n", bus="main", buses=["main"]
    )
    assert not report.taken
    assert "there is no bus cellar" in str(report.problems[0])
    assert len(meters.expected) == 1
    assert not meters.expected.import_csv(b"identification\n", bus="main").taken
    report = meters.expected.import_csv(
        b"identification,bus\n2,main\n3,cellar\n", bus="main", buses=["main"], partial=True
    )
    assert report.taken
    assert [one.address[:8] for one in meters.expected.meters()] == ["00000002"]


def test_a_change_of_the_expected_meters_is_told(meters: MeterList) -> None:
    before = meters.revision
    expect(meters, "identification\n11111111\n")
    (one,) = meters.expected.meters()
    changed = meters.expected.conclude(one.id, Verdict(Status.SILENT, "no answer"))
    assert changed is not None
    assert changed.status is Status.SILENT
    assert meters.revision == before + 2
    assert meters.expected.conclude(99, Verdict(Status.SILENT, "")) is None
