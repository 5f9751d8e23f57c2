"""The master's meter list is imported, and written so that a master or a head-end can read it again."""

from datetime import timedelta
from pathlib import Path

from mbusheadend.meterfile import ImportedMeter, read_meters, write_meters
from mbusheadend.store import Place
from mbusheadend.store.sqlite.store import SqliteStore
from mbusio.meterfile import COLUMNS
from mbusmaster.meterlist.entry import read_file
from support.headend_messages import SERIAL, START, contact, enrol, listed

ONE, TWO = "123456782D2C1904", "123456792D2C1904"
FILE = (
    "secondary_address,identification,primary_address,note,bus\r\n"
    f"{ONE},12345678,5,'=cellar,main\r\n"
    ",,7,,\r\n"
    "12345679,,,,north\r\n"
)


def test_a_file_of_a_master_is_read() -> None:
    read = read_meters(FILE.encode())
    assert read.report.problems == ()
    assert read.meters == (
        ImportedMeter("main", ONE, 5, "=cellar"),
        ImportedMeter("main", "7", 7, ""),
        ImportedMeter("north", "12345679FFFFFFFF", None, ""),
    )


def test_lines_that_name_no_meter_or_one_twice_are_told() -> None:
    read = read_meters(f"secondary_address,primary_address,note\n{ONE},,a\n{ONE},,b\n,,c\n,300,d\n".encode())
    assert [meter.note for meter in read.meters] == ["a"]
    assert [problem.line for problem in read.report.problems] == [3, 4, 5]


async def test_imported_meters_are_there_and_keep_their_place_and_notes(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    await enrol(store, "M1", "M2")
    seen = START + timedelta(hours=1)
    await store.note_contact("M2", contact("M2", meters=listed(ONE, last_seen=seen)), START)
    wanted = [("main", ONE, 5, "flat 3"), ("main", TWO, None, ""), ("main", "7", 7, "")]
    assert len(await store.add_meters(SERIAL, wanted, START)) == 2
    assert await store.add_meters(SERIAL, [("main", ONE, None, "")], START) == ()
    meters = {meter.identity: meter for meter in await store.meters()}
    assert (meters[ONE].place, meters[ONE].note, meters[ONE].primary) == (
        Place("M2", "main", ONE),
        "flat 3",
        5,
    )
    assert meters[TWO].place == Place(SERIAL, "main", TWO)
    assert meters["M1/main/7"].place == Place(SERIAL, "main", "7")
    store.close()


async def test_what_is_written_is_read_again_by_master_and_head_end(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    await enrol(store)
    reports = listed(ONE, TWO, "9", status="answers", rates=(300, 2400), last_seen=START)
    await store.note_contact(SERIAL, contact(meters=reports), START)
    await store.add_meters(SERIAL, [("main", ONE, 5, "=1+1")], START)
    data = write_meters(await store.meters())
    store.close()
    assert data.decode().splitlines()[0] == ",".join(COLUMNS)
    again = read_meters(data)
    assert again.report.problems == ()
    assert [(meter.address, meter.note) for meter in again.meters] == [(ONE, "=1+1"), (TWO, ""), ("9", "")]
    entries = read_file(data, bus="main").entries
    assert [str(entry.secondary) if entry.secondary else entry.primary for entry in entries] == [ONE, TWO, 9]
    assert {entry.baud for entry in entries} == {2400}


def test_an_address_that_looks_like_a_number_is_an_address_and_a_rounded_one_is_not() -> None:
    read = read_meters(b"secondary_address\n1149037804770E16\n1.14904E+15\n")
    assert [meter.address for meter in read.meters] == ["1149037804770E16"]
    assert [problem.line for problem in read.report.problems] == [3]
