from dataclasses import replace
from pathlib import Path

from mbus.addressing import SecondaryAddress
from mbusmaster.meterlist import (
    JobState,
    Kind,
    Mode,
    Phase,
    Status,
    commissioning,
)
from mbussim.bus import Collisions
from mbussim.demo import modelled_meters
from support.scanned import address, bench, fault, meter
from support.simulated import START, clock
from support.virtual_time import in_virtual_time


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
