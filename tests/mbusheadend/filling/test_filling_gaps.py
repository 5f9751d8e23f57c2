"""Gaps and what closes them: the master's history, reading again, the meter's memory."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from mbus.addressing import SecondaryAddress
from mbus.application.header import Header
from mbus.link.frames import LongFrame
from mbusheadend.filling.gaps import FillState, GapFill, Source
from mbusheadend.filling.plan import HISTORY_AGAIN, MOST_HISTORY, MOST_READS
from mbusheadend.store import Assignment, CommandState, Completeness, Store
from mbusheadend.watch.actions import filled_of, gaps_of
from mbusheadend.watch.look import SETTLE, Look
from mbushosting.contact import Command, CommandKind, CommandResult
from mbushosting.readings import Outcome, Reading
from mbushosting.schedules import Every, Missed, Schedule
from support.headend_messages import SERIAL, START, batch, contact, enrol, listed, reading
from support.headend_meters import ENERGY, telegram

HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
METERS: Final = tuple(SecondaryAddress(f"1234567{number}", 0x2C2D, 0x19, 0x04) for number in range(3))


@dataclass(slots=True)
class Fleet:
    """A master with three meters that are read each hour, and the look at it.

    :ivar time: it is now, to both.
    """

    store: Store
    time: datetime = START
    look: Look = field(init=False)
    outbox: dict[str, Any] = field(default_factory=lambda: {"kept_since": START - 90 * 24 * HOUR})
    count: int = 0

    async def begin(self, folder: Path, **schedule: Any) -> None:
        await enrol(self.store)
        rule = Schedule.model_validate({"id": "hourly", "rule": Every(minutes=60), **schedule})
        await self.store.put_schedule(rule, Assignment(everybody=True), START)
        await self.call(meters=listed(*map(str, METERS)), meter_list="1")
        await self.store.orders(SERIAL, 0, "1", START)
        self.look = Look(self.store, lambda: self.time, START, folder)

    async def call(self, **facts: Any) -> None:
        said = contact(time=self.time, outbox=self.outbox, **facts)
        await self.store.note_contact(SERIAL, said, self.time)

    async def deliver(self, at: datetime, *meters: int, **facts: Any) -> None:
        """Deliver readings of a slot, taken half a minute later."""
        readings = []
        for number in meters or range(len(METERS)):
            self.count += 1
            readings.append(self.reading(number, at, **facts))
        await self.store.take(SERIAL, batch(*readings), self.time)

    def reading(self, number: int, at: datetime, **facts: Any) -> Reading:
        energy = (at - START) // HOUR + 1
        frames = facts.pop("telegrams", [telegram(METERS[number], energy)])
        return reading(
            self.count,
            str(METERS[number]),
            frames,
            **{"taken": at + MINUTE / 2, "slot": at, **facts},
        )

    async def step(self, time: datetime | None = None) -> int:
        self.time = time or self.time
        await self.call()
        return await self.look.at_readings(await self.store.master(SERIAL))

    async def commands(self) -> list[Command]:
        """Give commands that are open; the master gets them."""
        return list((await self.store.orders(SERIAL, 0, "1", self.time)).commands)

    async def finish(self, command: Command, outcome: str = "done") -> None:
        await self.call(results=(CommandResult(id=command.id, outcome=outcome),))  # type: ignore[arg-type]

    async def gaps(self) -> dict[int, GapFill]:
        """Give gaps by the meter's place in the list."""
        places = {str(meter): number for number, meter in enumerate(METERS)}
        return {places[row.meter.identity]: row.fill for row in await gaps_of(self.store, SERIAL)}

    async def completeness(self) -> tuple[Completeness, ...]:
        return await self.store.completeness(START, self.time - SETTLE)


@pytest.fixture
def fleet(store: Store) -> Fleet:
    return Fleet(store)


async def test_where_nothing_is_missing_nothing_is_done(fleet: Fleet, tmp_path: Path) -> None:
    await fleet.begin(tmp_path)
    await fleet.deliver(START)
    await fleet.step(START + 20 * MINUTE)
    assert await fleet.commands() == []
    assert await fleet.gaps() == {}


async def test_what_never_came_is_asked_of_the_history_once_for_all_meters(
    fleet: Fleet, tmp_path: Path
) -> None:
    await fleet.begin(tmp_path)
    for hour in range(6):
        if hour not in (2, 3):
            await fleet.deliver(START + hour * HOUR)
    await fleet.step(START + 5 * HOUR + 20 * MINUTE)
    (command,) = await fleet.commands()
    assert (command.kind, command.since) == (CommandKind.RESEND, START + 2 * HOUR)
    assert {name.address for name in command.meters} == {str(meter) for meter in METERS}
    assert {fill.state for fill in (await fleet.gaps()).values()} == {FillState.ASKED_HISTORY}
    await fleet.step()
    assert len(await fleet.commands()) == 1
    for hour in (2, 3):
        await fleet.deliver(START + hour * HOUR)
    await fleet.finish(command)
    await fleet.step()
    assert await fleet.gaps() == {}
    assert [(one.expected, one.received) for one in await fleet.completeness()] == [(6, 6)] * 3


async def test_a_history_without_it_is_not_asked_twice_and_a_refused_one_a_day_later(
    fleet: Fleet, tmp_path: Path
) -> None:
    await fleet.begin(tmp_path, missed=Missed.SKIP)
    await fleet.deliver(START)
    await fleet.deliver(START + 2 * HOUR)
    await fleet.step(START + 2 * HOUR + 20 * MINUTE)
    over = Schedule(id="hourly", rule=Every(minutes=60), enabled=False)
    await fleet.store.put_schedule(over, Assignment(everybody=True), fleet.time)
    (command,) = await fleet.commands()
    await fleet.finish(command, "failed")
    await fleet.step(fleet.time + MINUTE)
    await fleet.step(fleet.time + HISTORY_AGAIN / 2)
    assert await fleet.commands() == []
    await fleet.step(fleet.time + HISTORY_AGAIN)
    (again,) = await fleet.commands()
    await fleet.finish(again)
    for _ in range(5):
        await fleet.step(fleet.time + HISTORY_AGAIN)
    assert await fleet.commands() == []
    fills = (await fleet.gaps()).values()
    assert {(one.asked_history, one.state) for one in fills} == {(MOST_HISTORY, FillState.LEFT)}


async def test_a_master_with_a_backlog_is_waited_for(fleet: Fleet, tmp_path: Path) -> None:
    await fleet.begin(tmp_path)
    await fleet.deliver(START)
    fleet.time = START + 7 * 24 * HOUR + 20 * MINUTE
    await fleet.look.at_readings(await fleet.store.master(SERIAL))
    assert {fill.state for fill in (await fleet.gaps()).values()} == {FillState.WAITING_FOR_MASTER}
    fleet.outbox |= {"waiting": 500, "oldest": START + HOUR}
    await fleet.step()
    assert {fill.state for fill in (await fleet.gaps()).values()} == {FillState.WAITING_FOR_BACKLOG}
    for hour in range(1, 169):
        await fleet.deliver(START + hour * HOUR)
    assert await fleet.commands() == []
    fleet.outbox |= {"waiting": 0, "oldest": None}
    await fleet.step()
    assert await fleet.gaps() == {}
    assert await fleet.commands() == []


async def test_a_silent_meter_is_read_again_while_that_still_says_something(
    fleet: Fleet, tmp_path: Path
) -> None:
    await fleet.begin(tmp_path)
    await fleet.deliver(START, 0, 1)
    await fleet.deliver(START, 2, telegrams=[])
    await fleet.step(START + 20 * MINUTE)
    (command,) = await fleet.commands()
    assert command.kind is CommandKind.READ
    assert [name.address for name in command.meters] == [str(METERS[2])]
    await fleet.deliver(START, 2, schedule=command.id, taken=fleet.time, slot=fleet.time)
    await fleet.finish(command)
    assert await fleet.step() == 1
    await fleet.step()
    assert await fleet.gaps() == {}
    meter = next(one.id for one in await fleet.store.meters() if one.identity == str(METERS[2]))
    (filled,) = await filled_of(fleet.store, meter, START, START + HOUR)
    assert (filled.source, filled.taken, filled.values) == (Source.READ_AGAIN, fleet.time, ())
    assert [one.received for one in await fleet.completeness()] == [1, 1, 1]


@pytest.mark.parametrize(
    ("schedule", "minutes", "asks"),
    [({}, 20, 1), ({}, 31, 0), ({"missed": "skip"}, 20, 0), ({"budget": 1}, 20, 0), ({"budget": 2}, 20, 1)],
)
async def test_a_meter_is_read_again_only_where_its_schedule_allows_it(
    fleet: Fleet, tmp_path: Path, schedule: dict[str, Any], minutes: int, asks: int
) -> None:
    await fleet.begin(tmp_path, **schedule)
    await fleet.deliver(START, 0, 1)
    await fleet.deliver(START, 2, outcome=Outcome.INCOMPLETE)
    await fleet.step(START + minutes * MINUTE)
    assert len(await fleet.commands()) == asks


async def test_a_meter_that_stays_silent_is_left_after_a_few_attempts(fleet: Fleet, tmp_path: Path) -> None:
    await fleet.begin(tmp_path, rule=Every(minutes=1440))
    await fleet.deliver(START, 0, 1)
    await fleet.deliver(START, 2, telegrams=[])
    asked = 0
    for _ in range(20):
        await fleet.step(fleet.time + 17 * MINUTE)
        for command in await fleet.commands():
            asked += 1
            await fleet.finish(command, "failed")
    assert asked == MOST_READS
    assert (await fleet.gaps())[2].state is FillState.LEFT
    await fleet.deliver(START, 2)
    await fleet.step()
    assert await fleet.gaps() == {}


def remembering(energy: int, own: datetime, stored: int, stamp: datetime) -> bytes:
    """Give a telegram with a clock, and what the counter was at a time (storage 1)."""

    def moment(time: datetime) -> bytes:
        year = time.year - 2000
        return bytes((time.minute, time.hour, time.day | (year & 7) << 5, time.month | (year >> 3) << 4))

    records = (
        b"\x04\x06" + energy.to_bytes(4, "little") + b"\x04\x6d" + moment(own)
        + b"\x44\x06" + stored.to_bytes(4, "little") + b"\x44\x6d" + moment(stamp)
    )  # fmt: skip
    header = Header(METERS[2], 1, 0, 0).to_bytes()
    return LongFrame(0x08, 0xFD, 0x72, header + records).to_bytes()


@pytest.mark.parametrize(("zone", "zone_before"), [(1, 1), (1, 2)])
async def test_the_memory_of_a_meter_closes_a_gap_and_is_no_reading(
    fleet: Fleet, tmp_path: Path, zone: int, zone_before: int
) -> None:
    await fleet.begin(tmp_path, missed=Missed.SKIP)

    async def remember(hour: int, ahead: int) -> None:
        slot = START + hour * HOUR
        frame = remembering(100 + hour, slot + ahead * HOUR, 55, START + (3 + ahead) * HOUR)
        await fleet.deliver(slot, 2, telegrams=[frame])

    for hour in range(6):
        await fleet.deliver(START + hour * HOUR, 0, 1)
    await remember(2, zone_before)
    for hour in (3, 4):
        await fleet.deliver(START + hour * HOUR, 2, telegrams=[])
    await remember(5, zone)
    filled = await fleet.step(START + 5 * HOUR + 20 * MINUTE)
    if zone != zone_before:
        assert filled == 0
        return
    assert filled == 1
    await fleet.step()
    meter = next(one.id for one in await fleet.store.meters() if one.identity == str(METERS[2]))
    (found,) = await fleet.store.filled(meter, START, fleet.time)
    assert (found.slot, found.source, found.storage) == (START + 3 * HOUR, Source.MEMORY, 1)
    assert found.values == ((ENERGY, 55_000),)
    assert not found.is_by_day
    (one,) = [one for one in await fleet.completeness() if one.meter == meter]
    assert (one.expected, one.received, one.recalled) == (6, 2, 1)
    assert [gap.first for gap in one.gaps] == [START, START + 4 * HOUR]
    await fleet.deliver(START + 3 * HOUR, 2)
    (one,) = [one for one in await fleet.completeness() if one.meter == meter]
    assert (one.received, one.recalled) == (3, 0)


async def test_a_long_gap_of_many_meters_is_asked_for_piece_by_piece(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mbusheadend.filling.filler.MOST_READINGS", 4)
    await fleet.begin(tmp_path, missed=Missed.SKIP)
    await fleet.deliver(START)
    await fleet.deliver(START + 3 * HOUR)
    await fleet.step(START + 3 * HOUR + 20 * MINUTE)
    (command,) = await fleet.commands()
    assert len(command.meters) == 2
    await fleet.finish(command)
    await fleet.step()
    (command,) = await fleet.commands()
    assert len(command.meters) == 1
    assert (await fleet.store.command(SERIAL, command.id)).state is CommandState.SENT
