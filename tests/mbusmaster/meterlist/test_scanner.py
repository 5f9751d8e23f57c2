import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mbus.application.commands import req_ud2
from mbus.link.station import Stations
from mbus.procedures.read import read_secondary
from mbusmaster.bus.turns import Priority
from mbusmaster.meterlist import (
    JobState,
    Mode,
    ScanBusyError,
    ScanRefusedError,
)
from mbussim.bus import Collisions
from support.scanned import bench, building, fault
from support.virtual_time import in_virtual_time


@in_virtual_time
async def test_a_scan_finds_two_hundred_and_fifty_meters_and_a_second_one_at_another_rate_updates_them(
    tmp_path: Path,
) -> None:
    async with bench(building(250), tmp_path, collisions=Collisions.CLEAN) as at:
        progress = await at.scan()
        assert (progress.found, progress.new, progress.updated, progress.unanswered) == (250, 250, 0, 0)
        assert {row.baud for row in at.meters.meters()} == {2400}
        first = {row.id: row.first_seen for row in at.meters.meters()}

        progress = await at.scan(Mode.PRIMARY, baud=19200)
        assert (progress.found, progress.new, progress.updated) == (250, 0, 250)
        rows = at.meters.meters()
        assert {row.baud for row in rows} == {19200}
        assert all([rate.baud for rate in row.rates] == [2400, 19200] for row in rows)
        assert first == {row.id: row.first_seen for row in rows}
        assert all(row.last_seen and row.first_seen and row.last_seen > row.first_seen for row in rows)


@in_virtual_time
async def test_what_is_found_is_in_the_list_at_once(tmp_path: Path) -> None:
    async with bench(building(10), tmp_path) as at:
        job = at.scanner.start("main", baud=2400, mode=Mode.SECONDARY)
        await at.meters.later_than(0)
        assert len(at.meters) == 1
        assert job.is_running
        assert job.progress.found == 1
        await job.wait()
        assert len(at.meters) == 10


@in_virtual_time
async def test_a_cancelled_scan_keeps_what_it_found_and_goes_on_from_there(tmp_path: Path) -> None:
    async with bench(building(60), tmp_path) as at:
        whole = await at.scan()
        at.meters.clear()
        job = at.scanner.start("main", baud=2400, mode=Mode.SECONDARY)
        while job.progress.found < 30:
            await at.meters.later_than(at.meters.revision)
        job.cancel()
        stopped = await job.wait()
        assert stopped.state is JobState.CANCELLED
        assert len(at.meters) == stopped.found == 30
        assert at.scanner.job("main") is job

        resumed = await at.scan()
        assert (resumed.found, resumed.new, len(at.meters)) == (60, 30, 60)
        assert resumed.unanswered == 0
        assert stopped.done + resumed.done < 1.1 * whole.done


@in_virtual_time
async def test_a_scan_begins_anew_when_meters_that_it_had_found_were_removed(tmp_path: Path) -> None:
    async with bench(building(10), tmp_path) as at:
        job = at.scanner.start("main", baud=2400, mode=Mode.SECONDARY)
        while job.progress.found < 5:
            await at.meters.later_than(at.meters.revision)
        job.cancel()
        await job.wait()
        at.meters.remove([1])
        progress = await at.scan()
        assert (progress.found, progress.new, len(at.meters)) == (10, 6, 10)


@in_virtual_time
async def test_a_scan_of_another_kind_does_not_go_on_where_a_cancelled_one_stopped(tmp_path: Path) -> None:
    async with bench(building(10), tmp_path) as at:
        job = at.scanner.start("main", baud=2400, mode=Mode.SECONDARY)
        while job.progress.found < 5:
            await at.meters.later_than(at.meters.revision)
        job.cancel()
        await job.wait()
        at.meters.clear()
        progress = await at.scan(baud=9600)
        assert (progress.found, progress.new) == (10, 10)


@in_virtual_time
async def test_a_scan_that_is_cancelled_before_it_begins_is_over(tmp_path: Path) -> None:
    async with bench(building(3), tmp_path) as at:
        job = at.scanner.start("main", baud=2400, mode=Mode.SECONDARY)
        job.cancel()
        assert (await job.wait()).state is JobState.CANCELLED
        assert (await at.scan()).found == 3


@in_virtual_time
async def test_a_converter_that_vanishes_fails_the_scan_and_what_was_found_stays(tmp_path: Path) -> None:
    async with bench(building(20), tmp_path, url="/dev/ttyUSB0") as at:
        job = at.scanner.start("main", baud=2400, mode=Mode.SECONDARY)
        while job.progress.found < 5:
            await at.meters.later_than(at.meters.revision)
        await at.sim.pull_out()
        failed = await job.wait()
        assert failed.state is JobState.FAILED
        assert "converter" in failed.why
        assert len(at.meters) == failed.found >= 5
        assert failed.ended is not None

        again = await at.scanner.start("main", baud=2400, mode=Mode.SECONDARY).wait()
        assert again.state is JobState.FAILED
        at.sim.plugged = True
        await asyncio.sleep(10)
        assert (await at.scan()).found == 20


@in_virtual_time
async def test_a_bus_has_one_scan_at_a_time(tmp_path: Path) -> None:
    async with bench(building(3), tmp_path) as at:
        job = at.scanner.start("main", baud=2400, mode=Mode.SECONDARY, who="anna")
        with pytest.raises(ScanBusyError) as refused:
            at.scanner.start("main", baud=2400, mode=Mode.PRIMARY)
        assert refused.value.job is job
        await job.wait()
        await at.scan(Mode.PRIMARY, first=1, last=3)


@in_virtual_time
async def test_what_cannot_be_scanned_is_refused_with_the_field_that_is_wrong(tmp_path: Path) -> None:
    async with bench(building(1), tmp_path, max_baud=9600) as at:
        wrong: list[tuple[str, dict[str, Any]]] = [
            ("bus", {"bus": "cellar"}),
            ("baud", {"baud": 19200}),
            ("baud", {"baud": 1200}),
            ("first", {"first": 9, "last": 8}),
            ("first", {"last": 251}),
            ("mode", {"mode": Mode.CHECK}),
        ]
        for field, options in wrong:
            with pytest.raises(ScanRefusedError) as refused:
                at.scanner.start(**{"bus": "main", "baud": 2400, "mode": Mode.PRIMARY, **options})
            assert refused.value.field == field
        with pytest.raises(ScanRefusedError, match="choose meters"):
            at.scanner.check("main", [7])
        assert at.scanner.rates("main") == (2400, 300, 9600)
        assert at.scanner.job("main") is None


@in_virtual_time
async def test_progress_says_what_is_asked_and_how_long_it_will_take(tmp_path: Path) -> None:
    async with bench(building(20), tmp_path) as at:
        job = at.scanner.start("main", baud=2400, mode=Mode.PRIMARY)
        states = [progress async for progress in job.watch(every=5.0)]
        assert states[0].done == 0
        assert states[-1].state is JobState.FINISHED
        assert states[-1].ended is not None
        working = [state for state in states if state.done and not state.is_over]
        assert all(state.at.startswith("address ") for state in working)
        left = [state.seconds_left or 0.0 for state in working]
        assert left == sorted(left, reverse=True)
        assert left[0] > 20
        assert len(states) < 20


@in_virtual_time
async def test_a_slow_watcher_gets_the_newest_state_and_no_backlog(tmp_path: Path) -> None:
    async with bench(building(20), tmp_path) as at:
        job = at.scanner.start("main", baud=2400, mode=Mode.SECONDARY)
        shown = []
        async for progress in job.watch():
            shown.append(progress)
            await asyncio.sleep(10_000)
        assert len(shown) == 2
        assert shown[-1].state is JobState.FINISHED


@in_virtual_time
async def test_a_transparent_client_reads_its_own_meters_during_a_scan(tmp_path: Path) -> None:
    meters = building(40)
    async with bench(meters, tmp_path) as at:
        job = at.scanner.start("main", baud=9600, mode=Mode.SECONDARY)
        heard: list[bytes] = []
        with at.sim.engine.client("reader") as client:
            stations = Stations()
            readings = 0
            while job.is_running:
                for one in meters[:5]:
                    assert one.secondary is not None
                    reading = await client.run(read_secondary(one.secondary, stations))
                    assert reading.secondary == one.secondary
                    readings += 1
                answer = bytearray()
                await client.transparent(req_ud2(meters[7].primary, fcb=True), answer.extend)
                heard.append(bytes(answer))
                await asyncio.sleep(1)
        assert readings > 20
        assert {answer[5] for answer in heard} == {meters[7].primary}
        assert job.progress.found == 40
        assert {row.secondary for row in at.meters.meters()} == {one.secondary for one in meters}


@in_virtual_time
async def test_a_bus_that_answers_nonsense_on_and_on_fails_the_scan_with_a_reason(tmp_path: Path) -> None:
    async with bench(building(3), tmp_path) as at:
        fault(at.bus, "noise=1")
        progress = await at.scanner.start("main", baud=19200, mode=Mode.SECONDARY).wait()
        assert progress.state is JobState.FAILED
        assert "given up" in progress.why


@in_virtual_time
async def test_a_full_list_ends_no_scan_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mbusmaster.meterlist.meters.MAX_METERS", 5)
    async with bench(building(8), tmp_path) as at:
        progress = await at.scan()
        assert len(at.meters) == 5
        assert any("full" in warning for warning in progress.warnings)


@in_virtual_time
async def test_closing_the_scanner_cancels_what_runs(tmp_path: Path) -> None:
    async with bench(building(20), tmp_path) as at:
        job = at.scanner.start("main", baud=2400, mode=Mode.SECONDARY)
        await at.meters.later_than(0)
        await at.scanner.close()
        assert job.progress.state is JobState.CANCELLED
        assert not any(seat.kind == "scan" for seat in at.sim.engine.arbiter.seats)


@in_virtual_time
async def test_answers_that_come_late_over_a_network_make_it_search_again_and_wait_for_longer(
    tmp_path: Path,
) -> None:
    async with bench(building(6), tmp_path, url="tcp://converter:10001") as at:
        for primary in range(1, 7):
            fault(at.bus, f"late=0.3,meter={primary},probability=0.4")
        progress = await at.scan()
        assert any("searched again" in warning for warning in progress.warnings)
        assert (progress.found, len(at.meters)) == (6, 6)


@in_virtual_time
async def test_who_scans_is_seen_among_the_users_of_the_bus(tmp_path: Path) -> None:
    async with bench(building(3), tmp_path) as at:
        job = at.scanner.start("main", baud=2400, mode=Mode.SECONDARY, who="anna")
        await at.meters.later_than(0)
        (seat,) = [seat for seat in at.sim.engine.arbiter.seats if seat.kind == "scan"]
        assert seat.source == "anna"
        assert seat.priority is Priority.BACKGROUND
        assert at.sim.engine.arbiter.baud == 2400
        await job.wait()


@in_virtual_time
async def test_a_list_that_cannot_be_written_fails_the_scan_with_the_reason(tmp_path: Path) -> None:
    async with bench(building(3), tmp_path) as at:
        with closing(sqlite3.connect(tmp_path / "meters.db")) as other:
            other.execute("DROP TABLE rate")
        progress = await at.scanner.start("main", baud=2400, mode=Mode.SECONDARY).wait()
        assert progress.state is JobState.FAILED
        assert "cannot be written" in progress.why
