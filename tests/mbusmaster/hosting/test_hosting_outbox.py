import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from mbushosting.readings import MAX_BATCH, Outcome, Receipt
from mbusmaster.hosting import rows
from mbusmaster.hosting.database import FILE_NAME
from mbusmaster.hosting.errors import HostingFileError
from mbusmaster.hosting.outbox import Outbox, Parcel
from support.hosting import NOON, frame, opened, outbox_in, taken


async def acknowledge(outbox: Outbox, parcel: Parcel) -> None:
    await outbox.settle(parcel, Receipt(stored=tuple(parcel.numbers)))


async def everything(outbox: Outbox) -> list[str]:
    """Deliver all; give the ids in the order in which they went out."""
    ids: list[str] = []
    while (parcel := await outbox.parcel()).readings:
        ids += [reading.id for reading in parcel.readings]
        await acknowledge(outbox, parcel)
    return ids


async def test_what_was_stored_goes_out_as_it_was_also_after_a_restart(tmp_path: Path) -> None:
    frames = (frame(b"\x08\x05\x72" + bytes(range(200))), frame(b"\x08\x05\x72abc"))
    async with outbox_in(tmp_path) as (outbox, _):
        id = await outbox.store(
            taken(7, frames=frames, remark="noise", outcome=Outcome.INCOMPLETE, attempts=3)
        )
    async with outbox_in(tmp_path) as (outbox, _):
        assert outbox.arrived.is_set()
        (reading,) = (await outbox.parcel()).readings
    assert reading.id == id
    assert reading.telegrams == frames
    assert (reading.bus, reading.meter, reading.schedule) == ("main", "7", "hourly")
    assert (reading.slot, reading.taken) == (NOON, NOON + timedelta(seconds=7))
    assert (reading.outcome, reading.attempts, reading.remark) == (Outcome.INCOMPLETE, 3, "noise")


async def test_a_reading_goes_out_until_it_is_acknowledged_and_stays_as_history(tmp_path: Path) -> None:
    async with outbox_in(tmp_path) as (outbox, _):
        for number in range(MAX_BATCH + 10):
            await outbox.store(taken(number))
        first, again = await outbox.parcel(), await outbox.parcel()
        assert len(first.readings) == MAX_BATCH
        assert first == again
        await acknowledge(outbox, first)
        assert len((await outbox.parcel()).readings) == 10
        await acknowledge(outbox, first)
        report = await outbox.report()
        assert (report.waiting, report.kept, report.dropped) == (10, MAX_BATCH, 0)
        assert report.oldest == NOON + timedelta(seconds=MAX_BATCH)
        assert report.kept_since == NOON


async def test_only_what_a_receipt_names_leaves(tmp_path: Path) -> None:
    async with outbox_in(tmp_path) as (outbox, _):
        ids = [await outbox.store(taken(number)) for number in range(3)]
        await outbox.settle(await outbox.parcel(), Receipt(stored=(ids[1], "f" * 32)))
        assert [reading.id for reading in (await outbox.parcel()).readings] == [ids[0], ids[2]]


async def test_what_the_head_end_refuses_for_good_is_history_and_an_alarm(tmp_path: Path) -> None:
    async with outbox_in(tmp_path) as (outbox, alarms):
        id = await outbox.store(taken())
        await outbox.settle(await outbox.parcel(), Receipt(stored=(), refused={id: "no such bus"}))
        assert (await outbox.report()).waiting == 0
        assert "no such bus" in str(alarms.texts[0])


async def test_history_goes_out_again_behind_what_is_new(tmp_path: Path) -> None:
    async with outbox_in(tmp_path) as (outbox, _):
        ids = [await outbox.store(taken(number)) for number in range(20)]
        assert await everything(outbox) == ids
        since, until = NOON + timedelta(seconds=5), NOON + timedelta(seconds=10)
        assert await outbox.send_again(since, until) == 5
        assert await outbox.send_again(None, None, [("main", "15")]) == 1
        new = await outbox.store(taken(21))
        assert outbox.waiting == 1
        assert await everything(outbox) == [new, *ids[5:10], ids[15]]
        assert (await outbox.report()).kept == 21


async def test_history_ends_after_its_time_and_what_waits_does_not(tmp_path: Path) -> None:
    async with outbox_in(tmp_path) as (outbox, _):
        ids = [await outbox.store(taken(number, clock=f"word {number}")) for number in range(10)]
        await outbox.settle(await outbox.parcel(), Receipt(stored=tuple(ids[:8])))
        assert await outbox.purge(NOON + timedelta(seconds=6)) == 6
        assert await outbox.purge(NOON + timedelta(days=365)) == 2
        report = await outbox.report()
        assert (report.waiting, report.kept) == (2, 0)
        assert len((await outbox.parcel()).readings) == 2
    with sqlite3.connect(tmp_path / FILE_NAME) as file:
        assert {text for (text,) in file.execute("SELECT text FROM name")} == {"hourly", "word 8", "word 9"}
    file.close()


async def test_history_gives_way_before_what_waits_does(tmp_path: Path) -> None:
    async with outbox_in(tmp_path, most_bytes=256_000) as (outbox, _):
        old = [await outbox.store(taken(number)) for number in range(500)]
        assert await everything(outbox) == old
        new = [await outbox.store(taken(number, frames=(frame(bytes(200)),))) for number in range(1000)]
        report = await outbox.report()
        assert report.dropped == 0
        assert report.kept < 500
        assert await everything(outbox) == new


async def test_what_waits_is_given_up_last_the_oldest_first_counted_and_with_an_alarm(tmp_path: Path) -> None:
    async with outbox_in(tmp_path, most_bytes=180_000) as (outbox, alarms):
        ids = [await outbox.store(taken(number)) for number in range(1600)]
        report = await outbox.report()
        assert report.dropped > 0
        assert report.waiting == 1600 - report.dropped
        texts = [str(text) for text in alarms.texts]
        assert any(f"{report.dropped} were given up" in text for text in texts)
        assert await everything(outbox) == ids[report.dropped :]
    async with outbox_in(tmp_path, most_bytes=180_000) as (outbox, alarms):
        assert (await outbox.report()).dropped == report.dropped
        assert alarms.texts


async def test_the_alarm_that_room_runs_out_comes_before_anything_is_lost(tmp_path: Path) -> None:
    async with outbox_in(tmp_path, most_bytes=180_000) as (outbox, alarms):
        number = 0
        while not alarms.texts:
            await outbox.store(taken(number))
            number += 1
        assert "percent of their room" in str(alarms.texts[0])
        assert (await outbox.report()).dropped == 0
        await everything(outbox)
        for more in range(101):
            await outbox.store(taken(more))
        assert not alarms.texts


async def test_a_full_disk_costs_history_first_and_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with outbox_in(tmp_path) as (outbox, _):
        old = [await outbox.store(taken(number)) for number in range(500)]
        assert await everything(outbox) == old

        def limit(connection: sqlite3.Connection) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count={pages}")

        await outbox._database.read(limit)
        new = [await outbox.store(taken(number)) for number in range(600, 900)]
        assert "disk is full" in caplog.text
        assert (await outbox.report()).dropped == 0
        assert await everything(outbox) == new


async def test_a_disk_that_cannot_be_written_is_an_error_and_an_alarm_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with outbox_in(tmp_path) as (outbox, alarms):

        def broken(*_: object) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(rows, "insert", broken)
            with pytest.raises(HostingFileError):
                await outbox.store(taken())
        assert "cannot be stored" in str(alarms.texts[0])
        await outbox.store(taken())
        assert not alarms.texts
        assert outbox.waiting == 1


async def test_a_transaction_that_failed_leaves_no_pattern_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise sqlite3.OperationalError("disk I/O error")

    async with outbox_in(tmp_path) as (outbox, _):
        with monkeypatch.context() as patch:
            patch.setattr("mbusmaster.hosting.rows.pack", broken)
            with pytest.raises(HostingFileError):
                await outbox.store(taken())
        await outbox.store(taken())
        (reading,) = (await outbox.parcel()).readings
        assert reading.outcome is Outcome.OK
        assert reading.telegrams == taken().frames


async def test_a_reading_whose_telegrams_are_damaged_still_goes_out_and_says_so(tmp_path: Path) -> None:
    async with outbox_in(tmp_path) as (outbox, _):
        await outbox.store(taken())
    with sqlite3.connect(tmp_path / FILE_NAME) as file:
        file.execute("UPDATE reading SET telegrams = x'FFFF'")
    file.close()
    async with outbox_in(tmp_path) as (outbox, _):
        (reading,) = (await outbox.parcel()).readings
    assert reading.outcome is Outcome.GARBLED
    assert "cannot be read" in reading.remark


async def test_large_readings_go_out_in_smaller_batches(tmp_path: Path) -> None:
    large = tuple(frame(bytes((number,)) * 250) for number in range(32))
    async with outbox_in(tmp_path) as (outbox, _):
        for number in range(120):
            await outbox.store(taken(number, frames=large))
        parcel = await outbox.parcel()
        assert 0 < len(parcel.readings) < 120
        assert sum(len(reading.model_dump_json()) for reading in parcel.readings) < 1 << 20
        assert len(await everything(outbox)) == 120


async def test_a_damaged_file_is_set_aside_and_said(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database, whatever its name says" * 100)
    database = await opened(tmp_path)
    assert "damaged" in str(database.problem)
    assert await database.read(rows.last_row) == 0
    await database.close()
