import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mbus.addressing import SecondaryAddress
from mbus.application.commands import req_ud2
from mbus.link.station import Stations
from mbus.procedures.read import read_secondary
from mbusmaster.bus.turns import Priority
from mbusmaster.meterlist import (
    JobState,
    Kind,
    MeterList,
    Mode,
    Phase,
    Progress,
    ScanBusyError,
    Scanner,
    ScanRefusedError,
    Status,
    commissioning,
)
from mbussim.bus import Bus, Collisions
from mbussim.demo import modelled_meters
from mbussim.faults import Fault
from mbussim.meter import Meter, PlainMeter, Traits, plain_meters
from mbussim.population import population
from support.simulated import START, SimulatedEngine, clock, simulated_engine
from support.virtual_time import in_virtual_time

TRAITS = Traits(delay=0.012, jitter=0.004)


@dataclass
class Bench:
    """A scanner on a simulated bus."""

    bus: Bus
    sim: SimulatedEngine
    meters: MeterList
    scanner: Scanner

    async def scan(self, mode: Mode = Mode.SECONDARY, baud: int = 2400, **options: Any) -> Progress:
        job = self.scanner.start("main", baud=baud, mode=mode, **options)
        progress = await job.wait()
        assert progress.state is not JobState.FAILED, progress.why
        return progress

    def statuses(self) -> dict[str, Status]:
        return {row.address: row.status for row in self.meters.meters()}


@asynccontextmanager
async def bench(meters: Iterable[Meter], folder: Path, **settings: Any) -> AsyncIterator[Bench]:
    bus = Bus.of(meters, seed=1, collisions=settings.pop("collisions", Collisions.GARBLED))
    async with simulated_engine(bus, **settings) as sim:
        listed = MeterList(folder / "meters.db", clock=clock)
        scanner = Scanner([sim.engine], listed, clock=clock)
        try:
            yield Bench(bus, sim, listed, scanner)
        finally:
            await scanner.close()
            listed.close()


def building(count: int, ids: str = "mixed") -> list[PlainMeter]:
    return plain_meters(population(count, ids, 1), traits=TRAITS, reply_bytes=40)


def meter(primary: int, identification: str, **traits: Any) -> PlainMeter:
    address = SecondaryAddress(identification, 0x2C2D, 0x35, 0x04)
    return PlainMeter(primary, address, 40, replace(TRAITS, **traits))


def address(identification: str) -> str:
    return f"{identification}2D2C3504"


def fault(bus: Bus, text: str) -> None:
    disturbance = Fault.from_text(text).disturbance()
    assert disturbance is not None
    bus.disturbances.append(disturbance)


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
async def test_a_known_meter_that_is_dead_is_silent(tmp_path: Path) -> None:
    async with bench([meter(1, "11111111"), meter(2, "22222222")], tmp_path) as at:
        await at.scan()
        fault(at.bus, "dead,meter=2")
        progress = await at.scan()
        assert (progress.found, progress.unanswered, progress.phase) == (1, 1, Phase.CHECKING)
        assert at.statuses() == {address("11111111"): Status.ANSWERS, address("22222222"): Status.SILENT}
        row = at.meters.meters()[1]
        assert row.last_seen is not None
        assert row.checked is not None
        assert row.checked > row.last_seen
        assert row.baud == 2400
        assert not row.rates[0].answers


@in_virtual_time
async def test_a_meter_that_answers_at_another_rate_only_is_said_to(tmp_path: Path) -> None:
    slow = meter(2, "22222222", rates=frozenset((300,)))
    async with bench([meter(1, "11111111"), slow], tmp_path) as at:
        await at.scan(baud=300)
        await at.scan(baud=2400)
        row = next(row for row in at.meters.meters() if row.primary == 2)
        assert row.status is Status.OTHER_BAUD
        assert row.baud == 300
        assert "300 baud" in row.remark
        await at.scan(baud=300)
        assert set(at.statuses().values()) == {Status.ANSWERS}


@in_virtual_time
async def test_two_meters_at_one_primary_address_are_a_collision_there_and_two_rows(tmp_path: Path) -> None:
    async with bench([meter(5, "11111111"), meter(5, "22222222"), meter(6, "33333333")], tmp_path) as at:
        await at.scan(Mode.PRIMARY, last=10)
        (unclear,) = [row for row in at.meters.meters() if row.secondary is None]
        assert unclear.primary == 5
        assert unclear.status is Status.COLLISION

        await at.scan(Mode.SECONDARY)
        assert at.statuses() == dict.fromkeys(
            map(address, ("11111111", "22222222", "33333333")), Status.ANSWERS
        )

        progress = await at.scan(Mode.PRIMARY, last=10)
        assert (progress.unclear, progress.new) == (1, 0)
        assert at.statuses()[address("11111111")] is Status.COLLISION
        assert at.statuses()[address("33333333")] is Status.ANSWERS
        assert "by its secondary address" in at.meters.meters()[0].remark


@in_virtual_time
async def test_a_damaged_answer_is_garbled_and_a_foreign_one_a_wrong_address(tmp_path: Path) -> None:
    async with bench([meter(1, "11111111"), meter(2, "22222222")], tmp_path) as at:
        await at.scan()
        fault(at.bus, "checksum,meter=1")
        await at.scan(Mode.PRIMARY, last=3)
        assert at.statuses() == {address("11111111"): Status.GARBLED, address("22222222"): Status.ANSWERS}
        at.bus.disturbances.clear()
        fault(at.bus, "foreign,meter=1")
        await at.scan(Mode.PRIMARY, first=1, last=3)
        await at.scan(Mode.PRIMARY, first=1, last=3)
        assert at.statuses()[address("11111111")] is Status.WRONG_ADDRESS


@in_virtual_time
async def test_a_meter_that_got_another_primary_address_is_the_same_row(tmp_path: Path) -> None:
    moved = meter(5, "11111111")
    async with bench([moved], tmp_path) as at:
        await at.scan(Mode.PRIMARY, last=10)
        moved.primary = 20
        progress = await at.scan(Mode.PRIMARY, last=10)
        assert (progress.new, progress.found) == (0, 1)
        (row,) = at.meters.meters()
        assert (row.primary, row.status) == (20, Status.ANSWERS)
        assert "was 5 and is 20" in row.remark


@in_virtual_time
async def test_meters_outside_of_what_a_scan_covered_are_left_alone(tmp_path: Path) -> None:
    async with bench([meter(5, "11111111"), meter(99, "22222222")], tmp_path) as at:
        await at.scan()
        fault(at.bus, "dead,meter=99")
        await at.scan(Mode.PRIMARY, last=10)
        await at.scan(mask=SecondaryAddress("1FFFFFFF"))
        assert set(at.statuses().values()) == {Status.ANSWERS}


@in_virtual_time
async def test_an_expected_meter_that_nobody_found_is_looked_for(tmp_path: Path) -> None:
    hidden = meter(9, "33333333", rates=frozenset((9600,)))
    async with bench([meter(1, "11111111"), hidden], tmp_path) as at:
        at.meters.expected.import_csv(b"identification\r\n11111111\r\n22222222\r\n33333333\r\n", bus="main")
        progress = await at.scan()
        assert (progress.found, progress.unanswered) == (2, 1)
        first, second, _ = at.meters.expected.meters()
        assert first.status is Status.NOT_ASKED
        assert second.status is Status.SILENT
        assert at.statuses() == {address("11111111"): Status.ANSWERS, address("33333333"): Status.OTHER_BAUD}
        kinds = [item.kind for item in commissioning(at.meters, clock()).items]
        assert kinds == [Kind.FOUND, Kind.MISSING, Kind.FOUND]


@in_virtual_time
async def test_a_check_asks_chosen_meters_only_and_says_what_it_saw(tmp_path: Path) -> None:
    async with bench([meter(1, "11111111"), meter(2, "22222222"), meter(3, "33333333")], tmp_path) as at:
        await at.scan()
        fault(at.bus, "dead,meter=2")
        fault(at.bus, "late=0.4,meter=3")
        before = at.bus.traffic.requests
        wanted = [row.id for row in at.meters.meters() if row.primary != 1]
        job = at.scanner.check("main", wanted, who="anna")
        progress = await job.wait()
        assert (progress.state, progress.found, progress.unanswered) == (JobState.FINISHED, 1, 1)
        assert at.statuses() == {
            address("11111111"): Status.ANSWERS,
            address("22222222"): Status.SILENT,
            address("33333333"): Status.ANSWERS,
        }
        assert "asked again" in at.meters.meters()[2].remark
        assert at.bus.traffic.requests - before < 60


@in_virtual_time
async def test_meters_with_one_and_the_same_secondary_address_are_a_collision(tmp_path: Path) -> None:
    twins = [meter(1, "11111111"), replace(meter(2, "11111111"), reply_bytes=60)]
    async with bench(twins, tmp_path, collisions=Collisions.CLEAN) as at:
        await at.scan()
        assert at.statuses() == {address("11111111"): Status.COLLISION}
        assert len(at.meters) == 1
        await at.scan(Mode.PRIMARY, last=5)
        assert at.statuses() == {address("11111111"): Status.COLLISION}
        assert "primary addresses 1, 2" in at.meters.meters()[0].remark


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
async def test_meters_of_every_model_are_one_row_each_however_they_are_found(tmp_path: Path) -> None:
    meters = modelled_meters(15, "mixed", 1, START)
    async with bench(meters, tmp_path) as at:
        assert (await at.scan()).new == 15
        assert (await at.scan(Mode.PRIMARY, last=20)).new == 0
        rows = {row.primary: row for row in at.meters.meters()}
        for one in meters:
            assert one.secondary is not None
            row = rows[one.primary]
            assert row.identification == one.secondary.identification
            assert row.medium
        assert any(row.secondary and not row.secondary.is_unique for row in rows.values())
        assert sum(row.fabrication is not None for row in rows.values()) > 5


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


@in_virtual_time
async def test_a_placeholder_whose_meter_can_be_read_again_becomes_that_meter(tmp_path: Path) -> None:
    async with bench([meter(5, "11111111"), meter(5, "22222222")], tmp_path) as at:
        await at.scan(Mode.PRIMARY, last=6)
        assert [row.secondary for row in at.meters.meters()] == [None]
        at.bus.slaves.pop()
        (row,) = at.meters.meters()
        await at.scanner.check("main", [row.id]).wait()
        assert at.statuses() == {address("11111111"): Status.ANSWERS}
        assert len(at.meters) == 1


@in_virtual_time
async def test_an_expected_meter_is_asked_for_itself_even_where_something_unreadable_has_its_address(
    tmp_path: Path,
) -> None:
    async with bench([meter(5, "11111111"), meter(5, "22222222")], tmp_path) as at:
        await at.scan(Mode.PRIMARY, last=6)
        at.meters.expected.import_csv(b"identification,primary_address\n33333333,5\n", bus="main")
        await at.scan(mask=SecondaryAddress("33333333"))
        (item, *_) = commissioning(at.meters, clock()).items
        assert (item.kind, item.status) == (Kind.MISSING, Status.SILENT)
