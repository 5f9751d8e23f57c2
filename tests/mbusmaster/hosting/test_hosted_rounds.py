import asyncio
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

from mbus.link.frames import LongFrame, parse_frame
from mbus.link.station import Stations
from mbus.procedures.read import read
from mbus.procedures.reading import named_by
from mbushosting.contact import Command, CommandKind
from mbushosting.parts import MeterName
from mbushosting.readings import Outcome, Reading
from mbushosting.schedules import Missed
from mbusmaster.bus.turns import Priority
from mbusmaster.hosting.reader import Subject
from mbussim.bus import Bus
from mbussim.meter import Meter, Traits, plain_meters
from mbussim.population import population
from support.rounds import Clock, daily, hourly, site, subject
from support.simulated import START
from support.virtual_time import in_virtual_time

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def some(count: int = 5, seed: int = 1, **traits: float) -> list[Meter]:
    return list(plain_meters(population(count, "random", seed), traits=Traits(**traits)))  # type: ignore[arg-type]


def slots(readings: list[Reading]) -> list[datetime]:
    return list(dict.fromkeys(reading.slot for reading in readings))


def identity(reading: Reading) -> str:
    frame = parse_frame(reading.telegrams[0])
    assert isinstance(frame, LongFrame)
    return str(named_by(frame))


@in_virtual_time
async def test_every_meter_of_the_list_is_read_at_every_slot(tmp_path: Path) -> None:
    meters = some()
    async with site(tmp_path, [Bus.of(meters)]) as this:
        await this.order(hourly())
        await this.until(START + 3 * HOUR + 10 * MINUTE)
        readings = await this.delivered()
    assert slots(readings) == [START + number * HOUR for number in (1, 2, 3)]
    for slot in slots(readings):
        assert {one.meter for one in readings if one.slot == slot} == {str(one.secondary) for one in meters}
    assert {one.outcome for one in readings} == {Outcome.OK}
    assert all(identity(one) == one.meter for one in readings)
    assert all(timedelta(0) < one.taken - one.slot < MINUTE for one in readings)
    assert {one.clock for one in readings} == {"synchronised"}
    assert len({one.id for one in readings}) == 15


@in_virtual_time
async def test_several_buses_are_read_side_by_side(tmp_path: Path) -> None:
    async with site(tmp_path, [Bus.of(some(20)), Bus.of(some(20, 2))]) as this:
        await this.order(hourly())
        await this.until(START + HOUR + 10 * MINUTE)
        readings = await this.delivered()
    spans = {}
    for bus in ("main", "bus2"):
        times = [one.taken for one in readings if one.bus == bus]
        assert len(times) == 20
        spans[bus] = min(times), max(times)
    assert max(first for first, _ in spans.values()) < min(last for _, last in spans.values())


@in_virtual_time
async def test_a_slot_that_comes_while_the_last_round_works_is_made_up_once_or_skipped(
    tmp_path: Path,
) -> None:
    listed = [Subject("main", str(number), None, number) for number in range(1, 6)]
    for missed in Missed:
        (tmp_path / missed).mkdir()
        # Nobody answers: a round takes five times 20 seconds, and wants to begin every minute.
        async with site(tmp_path / missed, [Bus.of([])], listed=listed) as this:
            await this.order(hourly(minutes=1, missed=missed))
            await asyncio.sleep(600)
            readings = await this.delivered()
        per_slot = Counter(one.slot for one in readings)
        assert all(count <= 5 for count in per_slot.values())
        taken = [(one.slot, one.taken) for one in readings]
        assert taken == sorted(taken)
        begun = slots(readings)
        assert 4 <= len(begun) <= 6
        lag = max(one.taken - one.slot for one in readings[::5])
        assert lag < (2 if missed is Missed.SKIP else 3) * MINUTE
        assert {one.outcome for one in readings} == {Outcome.SILENT}


@in_virtual_time
async def test_a_master_that_was_off_makes_up_the_newest_slot_or_skips_it(tmp_path: Path) -> None:
    clock = Clock()
    meters = some(2)
    async with site(tmp_path, [Bus.of(meters)], clock=clock) as this:
        await this.order(hourly("made-up"), hourly("skipped", missed=Missed.SKIP))
        await this.until(START + HOUR + MINUTE)
        assert len(await this.delivered()) == 4
    clock.shift += 5 * 3600 + 1200
    async with site(tmp_path, [Bus.of(meters)], clock=clock) as this:
        await this.until(this.clock() + 5 * MINUTE)
        readings = await this.delivered()
        assert {(one.schedule, one.slot) for one in readings} == {("made-up", START + 6 * HOUR)}
        await this.until(START + 7 * HOUR + MINUTE)
        assert {one.schedule for one in await this.delivered()} == {"made-up", "skipped"}


@in_virtual_time
async def test_a_round_that_was_interrupted_goes_on_where_it_was(tmp_path: Path) -> None:
    meters = some(40)
    async with site(tmp_path, [Bus.of(meters)]) as this:
        await this.order(daily("daily", 13 * 60))
        await this.until(START + HOUR + timedelta(seconds=5))
        this.rounds.end()
        await asyncio.sleep(10)
        before = await this.delivered()
    assert 0 < len(before) < 40
    async with site(tmp_path, [Bus.of(meters)]) as this:
        await this.until(START + HOUR + 5 * MINUTE)
        after = await this.delivered()
    assert len(before) + len(after) == 40
    assert len({one.meter for one in before + after}) == 40
    assert slots(before + after) == [START + HOUR]


@in_virtual_time
async def test_no_slot_comes_twice_when_the_clock_is_set_back(tmp_path: Path) -> None:
    clock = Clock()
    async with site(tmp_path, [Bus.of(some(1))], clock=clock) as this:
        await this.order(hourly(minutes=10))
        await this.until(START + HOUR + MINUTE)
        clock.shift -= 1800
        await asyncio.sleep(3600)
        readings = await this.delivered()
    assert slots(readings) == [START + number * 10 * MINUTE for number in range(1, 10)]
    assert len(readings) == 9


@in_virtual_time
async def test_a_clock_that_was_years_ahead_for_a_while_stops_nothing(tmp_path: Path) -> None:
    clock = Clock()
    async with site(tmp_path, [Bus.of(some(1))], clock=clock) as this:
        await this.order(hourly())
        await this.until(START + HOUR + MINUTE)
        clock.shift += 9 * 365 * 86400
        await asyncio.sleep(120)
        clock.shift -= 9 * 365 * 86400
        await this.until(START + 4 * HOUR + MINUTE)
        found = slots(await this.delivered())
    assert [slot for slot in found if slot.year == START.year] == [
        START + number * HOUR for number in (1, 2, 3, 4)
    ]
    assert len([slot for slot in found if slot.year != START.year]) == 1


@in_virtual_time
async def test_a_budget_bounds_the_answers_of_a_meter_in_a_day_also_over_a_restart(tmp_path: Path) -> None:
    meters = some(2)
    for first, until in ((True, 3), (False, 6)):
        async with site(tmp_path, [Bus.of(meters)]) as this:
            if first:
                await this.order(hourly(budget=4))
            await this.until(START + until * HOUR + MINUTE)
    async with site(tmp_path, [Bus.of(meters)]) as this:
        assert len(await this.delivered()) == 8
        await this.until(START + 12 * HOUR + MINUTE)
        # A new day has begun.
        assert len(await this.delivered()) == 2


@in_virtual_time
async def test_silent_meters_are_asked_again_at_the_end_of_the_round_where_that_is_wanted(
    tmp_path: Path,
) -> None:
    meters = some(5)
    gone = Subject("main", "200", None, 200)
    listed = [gone, *(subject(meter) for meter in meters)]
    async with site(tmp_path, [Bus.of(meters)], listed=listed) as this:
        await this.order(daily("daily", 13 * 60, silent_at_end=True))
        await this.until(START + HOUR + 5 * MINUTE)
        readings = await this.delivered()
    assert [one.meter for one in readings][-1] == "200"
    assert readings[-1].outcome is Outcome.SILENT
    assert len(readings) == 6


@in_virtual_time
async def test_a_command_goes_before_the_schedules_and_says_what_came_of_it(tmp_path: Path) -> None:
    meters = some(60)
    names = [MeterName(bus="main", address=str(meter.secondary)) for meter in meters[:2]]
    async with site(tmp_path, [Bus.of(meters)]) as this:
        await this.order(daily("daily", 13 * 60))
        await this.until(START + HOUR + timedelta(seconds=10))
        commands = [
            Command(id="now", kind=CommandKind.READ, meters=(*names, MeterName(bus="main", address="211"))),
            Command(id="elsewhere", kind=CommandKind.READ, meters=(MeterName(bus="roof", address="1"),)),
            Command(id="late", kind=CommandKind.READ, expires=START),
        ]
        assert await this.commands.take(commands, this.clock())
        this.rounds.look()
        await asyncio.sleep(25)
        results = {one.id: (one.outcome, one.detail) for one in this.commands.results}
        assert results == {
            "now": ("done", "2 of 3 meters answered"),
            "elsewhere": ("refused", "there is no such meter here"),
            "late": ("refused", "it came too late"),
        }
        assert any("roof" in str(text) for text in this.alarms.texts)
        assert not await this.commands.take(commands, this.clock())
        await this.commands.told(this.commands.results)
        assert not this.commands.results
        assert not await this.commands.take(commands[:1], this.clock())
        assert [one.id for one in this.commands.results] == ["now"]
        await this.until(START + HOUR + 5 * MINUTE)
        readings = await this.delivered()
    assert Counter(one.schedule for one in readings) == {"daily": 60, "now": 3}


@in_virtual_time
async def test_history_is_sent_again_on_command(tmp_path: Path) -> None:
    async with site(tmp_path, [Bus.of(some(3))]) as this:
        await this.order(hourly())
        await this.until(START + 3 * HOUR + MINUTE)
        first = await this.delivered()
        command = Command(id="again", kind=CommandKind.RESEND, since=START + 2 * HOUR, until=START + 3 * HOUR)
        await this.commands.take([command], this.clock())
        this.rounds.look()
        await asyncio.sleep(1)
        again = await this.delivered()
        assert this.commands.results[0].detail == "3 readings go out again"
    assert again == [one for one in first if one.slot == START + 2 * HOUR]


@in_virtual_time
async def test_a_round_waits_for_a_bus_that_is_down_and_says_so_where_it_stays_away(tmp_path: Path) -> None:
    async with site(tmp_path, [Bus.of(some(4))]) as this:
        (sim,) = this.sims
        await this.order(hourly("made-up"), hourly("skipped", missed=Missed.SKIP))
        await this.until(START + HOUR - MINUTE)
        await sim.pull_out()
        await this.until(START + HOUR + 20 * MINUTE)
        readings = await this.delivered()
        assert Counter((one.schedule, one.outcome) for one in readings) == {("skipped", Outcome.BUS_DOWN): 4}
        assert {one.attempts for one in readings} == {0}
        assert all("no such device" in one.remark for one in readings)
        sim.plugged = True
        await asyncio.sleep(60)
        readings = await this.delivered()
        assert Counter((one.schedule, one.outcome) for one in readings) == {("made-up", Outcome.OK): 4}
        assert slots(readings) == [START + HOUR]


@in_virtual_time
async def test_schedules_and_a_client_share_the_bus_fairly(tmp_path: Path) -> None:
    meters = some(30)
    async with site(tmp_path, [Bus.of(meters)]) as this:
        await this.order(daily("one", 13 * 60), daily("two", 13 * 60))
        await this.until(START + HOUR + timedelta(seconds=1))
        waits = []
        with this.sims[0].engine.client("somebody", Priority.TRANSPARENT) as client:
            stations = Stations()
            for meter in meters[:10]:
                began = asyncio.get_running_loop().time()
                reading = await client.run(read(meter.primary, stations))
                assert reading.secondary == meter.secondary
                waits.append(asyncio.get_running_loop().time() - began)
        assert max(waits) < 3
        await this.until(START + HOUR + 5 * MINUTE)
        readings = await this.delivered()
    assert Counter(one.schedule for one in readings) == {"one": 30, "two": 30}
    assert all(identity(one) == one.meter for one in readings)
    first = Counter([one.schedule for one in readings][:20])
    assert abs(first["one"] - first["two"]) <= 2


@in_virtual_time
async def test_a_schedule_that_is_taken_away_ends_its_round_after_the_meter_that_is_read(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, [Bus.of(some(60))]) as this:
        await this.order(daily("daily", 13 * 60))
        await this.until(START + HOUR + timedelta(seconds=5))
        await this.order(hourly("other"))
        await this.until(START + HOUR + 30 * MINUTE)
        readings = await this.delivered()
        assert 0 < len(readings) < 60
        await this.until(START + 2 * HOUR + 5 * MINUTE)
        assert Counter(one.schedule for one in await this.delivered()) == {"other": 60}


@in_virtual_time
async def test_a_zone_that_is_unknown_here_is_an_alarm_and_nothing_is_read(tmp_path: Path) -> None:
    async with site(tmp_path, [Bus.of(some(1))]) as this:
        await this.order(daily("daily", 13 * 60, zone="Mars/Olympus"))
        await this.until(START + 3 * HOUR)
        assert not await this.delivered()
        assert "Mars/Olympus" in str(this.alarms.texts[0])
