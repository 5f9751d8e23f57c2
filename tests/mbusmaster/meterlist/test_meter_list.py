import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mbus.addressing import SecondaryAddress
from mbus.link.transaction import Fault
from mbus.procedures.found import Unclear
from mbusmaster.meterlist import (
    ListFullError,
    MeterList,
    MeterListError,
    MeterRefusedError,
    Query,
    Rate,
    Sort,
    Status,
)
from mbusmaster.meterlist.diagnosis import Verdict
from mbusmaster.meterlist.sighting import Sighting, sighting_of_unclear
from support.needs import program

PROJECT = Path(__file__).parents[3]
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST = SecondaryAddress.from_text("11111111.KAM.35.04")
SECOND = SecondaryAddress.from_text("22222222.LUG.07.07")
OLD = SecondaryAddress("33333333")


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


@pytest.fixture
def meters(tmp_path: Path) -> Iterator[MeterList]:
    listed = MeterList(tmp_path / "meters.db", clock=Clock())
    yield listed
    listed.close()


def answer(secondary: SecondaryAddress | None, primary: int | None = 5, **fields: str) -> Sighting:
    medium = "heat_outlet" if secondary is not None else None
    return Sighting(Status.ANSWERS, secondary, primary, medium, **fields)


def record(meters: MeterList, seen: Sighting, baud: int = 2400) -> bool:
    return meters.record(seen, bus="main", baud=baud).is_new


def test_a_meter_found_by_both_kinds_of_search_is_one_row(meters: MeterList) -> None:
    assert record(meters, answer(FIRST, 5))
    assert not record(meters, answer(FIRST, 5), 9600)
    (row,) = meters.meters()
    assert (row.baud, [rate.baud for rate in row.rates]) == (9600, [2400, 9600])
    assert (row.manufacturer, row.version, row.medium, row.medium_code) == ("KAM", 0x35, "heat_outlet", 4)


def test_two_meters_with_one_primary_address_are_two_rows(meters: MeterList) -> None:
    assert record(meters, answer(FIRST, 5))
    assert record(meters, answer(SECOND, 5))
    assert len(meters) == 2


def test_a_meter_that_changed_its_primary_address_is_updated(meters: MeterList) -> None:
    record(meters, answer(FIRST, 5))
    record(meters, answer(FIRST, 6))
    assert [row.primary for row in meters.meters()] == [6]


def test_the_same_meter_on_two_buses_is_two_rows(meters: MeterList) -> None:
    record(meters, answer(FIRST))
    assert meters.record(answer(FIRST), bus="cellar", baud=2400).is_new
    assert meters.choices()["bus"] == ("cellar", "main")


def test_old_meters_with_one_identification_differ_in_their_primary_address(meters: MeterList) -> None:
    record(meters, answer(OLD, 1))
    record(meters, answer(OLD, 2))
    assert not record(meters, answer(OLD, 2))
    assert [row.primary for row in meters.meters()] == [1, 2]


def test_what_is_known_in_part_is_completed(meters: MeterList) -> None:
    record(meters, answer(OLD, 1))
    whole = replace(OLD, manufacturer=0x2C2D, version=1, medium=4)
    assert not record(meters, answer(whole, 1))
    assert not record(meters, answer(OLD, 1))
    (row,) = meters.meters()
    assert row.secondary == whole


def test_something_unreadable_becomes_the_meter_that_is_found_there(meters: MeterList) -> None:
    unclear = sighting_of_unclear(Unclear(5, Fault.COLLISION, b"\xe5\xe5"))
    (recorded,) = meters.record_unclear(unclear, bus="main", baud=2400)
    assert recorded.is_new
    meters.set_note(recorded.meter.id, "first floor")
    assert not record(meters, answer(FIRST, 5))
    assert record(meters, answer(SECOND, 5))
    assert [row.note for row in meters.meters()] == ["first floor", ""]


def test_a_known_meter_takes_the_place_of_something_unreadable(meters: MeterList) -> None:
    record(meters, answer(FIRST, 6))
    meters.record_unclear(sighting_of_unclear(Unclear(5, Fault.NOISE, b"\x01")), bus="main", baud=2400)
    assert len(meters) == 2
    record(meters, answer(FIRST, 5))
    assert len(meters) == 1


def test_acknowledgements_belong_to_the_one_meter_at_the_address(meters: MeterList) -> None:
    record(meters, answer(FIRST, 5))
    busy = Sighting(Status.ACKNOWLEDGES, primary=5, remark="it acknowledges, but sends no data")
    assert not record(meters, busy)
    assert meters.meters()[0].status is Status.ACKNOWLEDGES
    assert record(meters, replace(busy, primary=9))


def test_meters_without_identity_at_one_address_are_told_apart_within_a_scan(meters: MeterList) -> None:
    first = meters.record(answer(None, 5), bus="main", baud=2400)
    second = meters.record(answer(None, 5), bus="main", baud=2400, apart_from={first.meter.id})
    assert second.is_new
    again = meters.record(answer(None, 5), bus="main", baud=2400)
    assert again.meter.id == first.meter.id


def test_a_rate_at_which_a_meter_is_silent_now_is_no_more_its_rate(meters: MeterList) -> None:
    record(meters, answer(FIRST), 2400)
    record(meters, answer(FIRST), 9600)
    (row,) = meters.meters()
    seen = answer(FIRST)
    verdict = Verdict(Status.OTHER_BAUD, "it answers at 2400 baud", seen, 2400, (9600,))
    changed = meters.conclude(row.id, verdict, asked=9600)
    assert changed is not None
    assert (changed.baud, changed.status) == (2400, Status.OTHER_BAUD)
    assert Rate(9600, row.rates[1].last_seen, False) in changed.rates
    silent = meters.conclude(row.id, Verdict(Status.SILENT, "", silent_at=(2400, 9600)), asked=2400)
    assert silent is not None
    assert silent.baud == 2400
    assert silent.last_seen == changed.last_seen
    assert meters.conclude(999, verdict, asked=2400) is None


def test_everything_is_there_again_after_a_restart(meters: MeterList, tmp_path: Path) -> None:
    record(meters, answer(FIRST, 5, fabrication="00012345", remark="noise in front of the answer"))
    record(meters, answer(OLD, None))
    record(meters, answer(FIRST, 5), 19200)
    meters.set_note(1, "Keller – größer\nzweite Zeile")
    meters.expected.import_csv(b"primary_address,note\r\n7,stairs\r\n", bus="main")
    again = MeterList(tmp_path / "meters.db", clock=Clock())
    assert again.meters() == meters.meters()
    assert again.expected.meters() == meters.expected.meters()
    assert again.problem == ""
    again.close()


def test_a_removed_row_is_gone_and_its_number_is_never_used_again(meters: MeterList, tmp_path: Path) -> None:
    record(meters, answer(FIRST))
    record(meters, answer(SECOND))
    assert meters.remove([2, 2, 99]) == 1
    record(meters, answer(SECOND))
    assert [row.id for row in meters.meters()] == [1, 3]
    assert meters.clear("cellar") == 0
    assert meters.clear() == 2
    again = MeterList(tmp_path / "meters.db", clock=Clock())
    assert len(again) == 0
    again.close()


@pytest.mark.parametrize("note", ["x" * 201, "bell \a", "null \0", "\ud800"])
def test_a_note_that_cannot_be_is_refused_at_its_field(meters: MeterList, note: str) -> None:
    record(meters, answer(FIRST))
    with pytest.raises(MeterRefusedError) as refused:
        meters.set_note(1, note)
    assert refused.value.field == "note"
    with pytest.raises(MeterRefusedError):
        meters.set_note(2, "no such row")


def test_every_change_is_told_once_and_no_change_not_at_all(meters: MeterList) -> None:
    heard: list[int] = []
    end = meters.subscribe(heard.append)
    record(meters, answer(FIRST))
    meters.set_note(1, "a")
    meters.set_note(1, "a")
    meters.remove([7])
    meters.remove([1])
    assert heard == [1, 2, 3]
    assert meters.revision == 3
    end()
    record(meters, answer(FIRST))
    assert heard == [1, 2, 3]


def test_a_full_list_takes_no_new_meter_and_still_updates(
    meters: MeterList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mbusmaster.meterlist.meters.MAX_METERS", 1)
    record(meters, answer(FIRST))
    with pytest.raises(ListFullError):
        record(meters, answer(SECOND))
    assert not record(meters, answer(FIRST), 9600)


def test_the_list_is_sorted_filtered_and_paged(meters: MeterList) -> None:
    record(meters, answer(SECOND, 10))
    record(meters, answer(FIRST, 9, fabrication="00777"))
    record(meters, answer(None, 100))
    meters.set_note(1, "Kitchen left")

    def found(**query: object) -> list[int]:
        return [row.id for row in meters.select(Query(**query)).meters]  # type: ignore[arg-type]

    assert found() == [2, 1, 3]
    assert found(sort=Sort.PRIMARY_ADDRESS) == [2, 1, 3]
    assert found(sort=Sort.PRIMARY_ADDRESS, descending=True) == [3, 1, 2]
    assert found(sort=Sort.MANUFACTURER, descending=True) == [1, 2, 3]
    assert found(text="KITCHEN left") == [1]
    assert found(text="00777") == [2]
    assert found(text="kam heat") == [2]
    assert found(manufacturer="LUG") == [1]
    assert found(status=Status.SILENT) == []
    assert found(medium="heat_outlet", bus="main") == [2, 1]
    page = meters.select(Query(offset=1, limit=1))
    assert ([row.id for row in page.meters], page.matching, page.total) == ([1], 3, 3)
    assert page.revision == meters.revision
    for sort in Sort:
        assert len(found(sort=sort)) == 3


def test_only_its_owner_may_read_the_file(meters: MeterList, tmp_path: Path) -> None:
    record(meters, answer(FIRST))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


@pytest.mark.parametrize("damage", ["rubbish", "truncated", "other tables", "newer", "bad row"])
def test_a_damaged_file_is_kept_aside_and_a_new_list_begins(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "meters.db"
    first = MeterList(path, clock=Clock())
    for number in range(40):
        record(first, answer(replace(FIRST, identification=f"{number:08d}")))
    first.close()
    if damage == "rubbish":
        path.write_bytes(b"this is no database at all, whatever its name says" * 100)
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-6000])
    else:
        change = {
            "other tables": "ALTER TABLE meter RENAME COLUMN note TO text",
            "newer": "PRAGMA user_version=99",
            "bad row": "UPDATE meter SET status = 'sleepy' WHERE id = 3",
        }[damage]
        connection = sqlite3.connect(path)
        connection.execute(change)
        connection.commit()
        connection.close()
    second = MeterList(path, clock=Clock())
    assert len(second) == 0
    assert "damaged" in second.problem
    assert "scan again" in second.problem
    aside = [one.name for one in tmp_path.iterdir() if ".damaged-" in one.name]
    assert any(name in second.problem for name in aside)
    assert record(second, answer(FIRST))
    second.close()
    third = MeterList(path, clock=Clock())
    assert (len(third), third.problem) == (1, "")
    third.close()


def test_only_the_newest_damaged_files_are_kept(tmp_path: Path) -> None:
    clock = Clock()
    for _ in range(5):
        (tmp_path / "meters.db").write_bytes(b"x" * 5000)
        MeterList(tmp_path / "meters.db", clock=clock).close()
    assert len([one for one in tmp_path.iterdir() if ".damaged-" in one.name]) == 3


def test_a_folder_that_is_not_there_is_said_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(MeterListError, match="cannot be opened"):
        MeterList(tmp_path / "nowhere" / "meters.db", clock=Clock())


@pytest.mark.process
@pytest.mark.parametrize("state", ["full", "read-only"])
def test_on_a_bad_disk_the_list_is_used_as_it_was_and_says_so(tmp_path: Path, state: str) -> None:
    work = f"mount -t tmpfs -o size=5m tmpfs {tmp_path} && {sys.executable} -m support.list_on_bad_disk {tmp_path} {state}"
    finished = subprocess.run(
        [program("unshare", "util-linux"), "--mount", "--propagation", "private", "sh", "-c", work],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "tests")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    said = json.loads(finished.stdout)
    assert (said["known"], said["after"]) == (1, 2)
    assert "cannot be written" in said["problem"]
    assert "lost at a restart" in said["problem"]


def test_a_change_that_the_disk_refuses_changes_nothing(meters: MeterList, tmp_path: Path) -> None:
    record(meters, answer(FIRST))
    other = sqlite3.connect(tmp_path / "meters.db")
    other.execute("DROP TABLE rate")
    other.close()
    with pytest.raises(MeterListError, match="nothing was changed"):
        record(meters, answer(SECOND))
    assert len(meters) == 1
    assert meters.revision == 1
