import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from mbushosting.contact import Command, CommandKind, Contact, Orders
from mbushosting.parts import MeterName
from mbushosting.readings import Batch, Outcome, Reading, Receipt
from mbushosting.schedules import Schedule
from mbusmaster.hosting.link_errors import (
    HeadEndError,
    HeadEndOverloadedError,
    HeadEndRefusedError,
    HeadEndUnreachableError,
)
from mbusmaster.hosting.report import Listed, Sources
from mbusmaster.hosting.service import Hosting
from mbusmaster.settings.sections.system import HostingSettings
from mbussim.bus import Bus
from mbussim.meter import Meter, plain_meters
from mbussim.population import population
from mbusweb.texts import Text
from support.hosting import AtOnce
from support.rounds import daily, hourly, subject
from support.settled import settled
from support.simulated import START, clock, simulated_engine
from support.virtual_time import in_virtual_time

AWAY = HeadEndUnreachableError(Text("nobody is there"))


class ScriptedHeadEnd:
    """A head-end that stores everything once and keeps calls open until it has news.

    :ivar trouble: raised instead of an answer.
    :ivar refuses_to_store: raised in the place of a receipt, while contacts go well.
    :ivar attempts: deliveries that began.
    :ivar said: every contact, with the wait that it allowed and when it came.
    """

    def __init__(self) -> None:
        self.trouble: HeadEndError | None = None
        self.holds = True
        self.interval = 300
        self.version = 0
        self.schedules: tuple[Schedule, ...] = ()
        self.commands: dict[str, Command] = {}
        self.meter_list = ""
        self.said: list[tuple[float, float, Contact]] = []
        self.results: dict[str, str] = {}
        self.stored: dict[str, Reading] = {}
        self.batches: list[Batch] = []
        self.loses_receipts = 0
        self.refuses_to_store: HeadEndError | None = None
        self.attempts = 0
        self.refuses: Callable[[Reading], bool] = lambda _: False
        self._news = asyncio.Event()

    async def contact(self, contact: Contact, wait: float) -> Orders:
        self.said.append((asyncio.get_running_loop().time(), wait, contact))
        if self.trouble is not None:
            raise self.trouble
        for result in contact.results:
            self.results[result.id] = result.outcome
            self.commands.pop(result.id, None)
        if contact.meters is not None:
            self.meter_list = contact.meter_list
        has_news = contact.orders != self.version or self.commands or contact.meter_list != self.meter_list
        if wait and not has_news and self.holds:
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), wait)
            if self.trouble is not None:
                raise self.trouble
        return Orders(
            version=self.version,
            schedules=None if contact.orders == self.version else self.schedules,
            commands=tuple(self.commands.values()),
            interval=self.interval,
            meter_list=self.meter_list,
            time=clock(),
        )

    async def deliver(self, batch: Batch) -> Receipt:
        self.attempts += 1
        if self.trouble is not None or self.refuses_to_store is not None:
            raise self.trouble or self.refuses_to_store or AWAY
        if any(self.refuses(reading) for reading in batch.readings):
            raise HeadEndRefusedError(Text("it cannot be read"))
        self.batches.append(batch)
        for reading in batch.readings:
            self.stored.setdefault(reading.id, reading)
        if self.loses_receipts:
            self.loses_receipts -= 1
            raise AWAY
        return Receipt(stored=tuple(reading.id for reading in batch.readings))

    def order(self, *schedules: Schedule) -> None:
        self.version += 1
        self.schedules = schedules
        self._news.set()

    def command(self, command: Command) -> None:
        self.commands[command.id] = command
        self._news.set()

    def fall(self, trouble: HeadEndError | None) -> None:
        self.trouble = trouble
        self._news.set()


@dataclass
class Master:
    """Hosted reading on a simulated bus."""

    hosting: Hosting
    head_end: ScriptedHeadEnd
    meters: list[Meter]
    settings: dict[str, Any] = field(default_factory=lambda: {"enabled": True})
    changes: int = 0
    revision: int = 0
    authority: str = ""
    listed: list[Listed] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        readings = self.hosting.state.readings
        assert readings is not None
        return readings.waiting

    def set(self, **settings: Any) -> None:
        self.settings.update(settings)
        self.hosting.look()


@asynccontextmanager
async def master(
    folder: Path, head_end: ScriptedHeadEnd, count: int = 3, *, threads: bool = False
) -> AsyncIterator[Master]:
    meters: list[Meter] = list(plain_meters(population(count, "random", 1)))
    async with simulated_engine(Bus.of(meters)) as sim:
        this: Master

        def settings() -> HostingSettings:
            return HostingSettings.model_validate(this.settings)

        sources = Sources(
            serial_number="MBM1",
            software="1.0",
            started=START,
            meters=lambda: this.listed,
            revision=lambda: this.revision,
            quality=lambda: "synchronised",
            lamps=lambda: {"power": "red"},
            alarms=lambda: ("the door is open",),
            authority=lambda: this.authority,
        )
        hosting = Hosting(
            folder,
            [sim.engine],
            head_end,
            sources,
            settings=settings,
            is_on=lambda: bool(this.settings["enabled"]),
            clock=clock,
            chance=lambda: 0.5,
            executor=None if threads else AtOnce(),
        )
        this = Master(hosting, head_end, meters)
        this.listed = [Listed(subject(meter), "a note", "answers", (2400,)) for meter in meters]
        working = asyncio.create_task(hosting.run())
        try:
            yield this
        finally:
            working.cancel()
            await asyncio.wait({working})


async def minutes(number: float) -> None:
    await asyncio.sleep(60 * number)


@in_virtual_time
async def test_the_head_end_learns_how_the_master_is_and_gets_the_meter_list_it_lacks(tmp_path: Path) -> None:
    head_end = ScriptedHeadEnd()
    async with master(tmp_path, head_end) as this:
        await minutes(1)
        first, second = head_end.said[0][2], head_end.said[1][2]
        assert (first.serial_number, first.software, first.clock) == ("MBM1", "1.0", "synchronised")
        assert first.buses[0].state == "idle"
        assert first.lamps == {"power": "red"}
        assert first.alarms == ("the door is open",)
        assert first.meters is None
        assert second.meters is not None
        assert [(one.address, one.name, one.rates) for one in second.meters] == [
            (str(meter.secondary), "a note", (2400,)) for meter in this.meters
        ]
        count = len(head_end.said)
        this.revision += 1
        await minutes(3)
        assert all(said.meters is None for _, _, said in head_end.said[count:])
        this.listed = this.listed[1:]
        this.revision += 1
        await minutes(3)
        assert head_end.said[-1][2].meter_list == head_end.meter_list
        assert this.hosting.state.reached


@in_virtual_time
async def test_an_order_and_a_command_are_here_within_a_moment_and_so_are_readings_and_results(
    tmp_path: Path,
) -> None:
    head_end = ScriptedHeadEnd()
    async with master(tmp_path, head_end) as this:
        await minutes(5)
        calls = len(head_end.said)
        assert calls < 12
        assert head_end.said[-1][1] == 55
        name = MeterName(bus="main", address=str(this.meters[0].secondary))
        head_end.command(Command(id="now", kind=CommandKind.READ, meters=(name,)))
        await asyncio.sleep(4)
        assert head_end.results == {"now": "done"}
        (reading,) = head_end.stored.values()
        assert (reading.schedule, reading.meter, reading.outcome) == ("now", name.address, Outcome.OK)
        head_end.order(hourly())
        await asyncio.sleep(2)
        assert len(this.hosting.state.plans) == 1
        await minutes(70)
        assert len(head_end.stored) == 4
        assert this.waiting == 0


@in_virtual_time
async def test_a_week_without_a_head_end_is_read_and_arrives_once_also_when_receipts_are_lost(
    tmp_path: Path,
) -> None:
    head_end = ScriptedHeadEnd()
    async with master(tmp_path, head_end) as this:
        head_end.order(hourly(minutes=240))
        await minutes(1)
        head_end.fall(AWAY)
        calls = len(head_end.said)
        await minutes(7 * 24 * 60)
        assert not head_end.stored
        assert this.waiting == 3 * 7 * 6
        assert len(head_end.said) - calls < 7 * 24 * 10
        head_end.loses_receipts = 2
        head_end.fall(None)
        await minutes(30)
        assert this.waiting == 0
        taken = sorted((reading.slot, reading.meter) for reading in head_end.stored.values() if reading.slot)
        assert len(taken) == len(set(taken)) == 3 * 7 * 6
        assert {reading.outcome for reading in head_end.stored.values()} == {Outcome.OK}
        assert len(head_end.batches) >= 3


@in_virtual_time
async def test_a_head_end_that_holds_no_calls_is_called_after_the_interval(tmp_path: Path) -> None:
    head_end = ScriptedHeadEnd()
    head_end.holds = False
    async with master(tmp_path, head_end):
        await minutes(30)
        times = [at for at, _, _ in head_end.said]
        assert len(times) < 10
        assert all(240 <= later - earlier <= 360 for earlier, later in pairwise(times[3:]))


@in_virtual_time
async def test_a_head_end_that_is_away_is_called_ever_more_rarely_and_nothing_is_lost(tmp_path: Path) -> None:
    head_end = ScriptedHeadEnd()
    async with master(tmp_path, head_end) as this:
        head_end.order(hourly(minutes=20))
        await minutes(1)
        head_end.fall(AWAY)
        before = len(head_end.said)
        await minutes(2 * 24 * 60)
        calls = head_end.said[before:]
        assert 300 < len(calls) < 450
        state = this.hosting.state
        assert not state.reached
        assert str(state.reason) == "nobody is there"
        assert this.waiting == 3 * 3 * 48
        head_end.fall(None)
        await minutes(15)
        assert this.hosting.state.reached
        assert not this.waiting
        assert len({(one.meter, one.slot) for one in head_end.stored.values()}) == len(head_end.stored)
        assert len(head_end.stored) >= 3 * 3 * 48
        assert max(len(batch.readings) for batch in head_end.batches) == 250


@in_virtual_time
async def test_a_receipt_that_got_lost_doubles_nothing(tmp_path: Path) -> None:
    head_end = ScriptedHeadEnd()
    async with master(tmp_path, head_end):
        head_end.order(hourly())
        head_end.loses_receipts = 3
        await minutes(185)
        assert len(head_end.stored) == 9
        assert sum(len(batch.readings) for batch in head_end.batches) > 9


@in_virtual_time
async def test_a_head_end_that_names_a_time_is_left_alone_until_then(tmp_path: Path) -> None:
    head_end = ScriptedHeadEnd()
    head_end.trouble = HeadEndOverloadedError(Text("busy"), 900.0)
    async with master(tmp_path, head_end):
        await minutes(14)
        assert len(head_end.said) == 1
        await minutes(2)
        assert len(head_end.said) == 2


@in_virtual_time
async def test_commands_that_are_done_do_not_hurry_deliveries_to_a_head_end_in_trouble(
    tmp_path: Path,
) -> None:
    head_end = ScriptedHeadEnd()
    async with master(tmp_path, head_end) as this:
        await minutes(1)
        for number in range(40):
            head_end.command(Command(id=f"c{number}", kind=CommandKind.READ))
        await asyncio.sleep(2)
        head_end.refuses_to_store = HeadEndOverloadedError(Text("busy"), 60.0)
        await minutes(10)
        assert head_end.attempts <= 10
        head_end.refuses_to_store, head_end.attempts = AWAY, 0
        for number in range(40, 80):
            head_end.command(Command(id=f"c{number}", kind=CommandKind.READ))
        await minutes(10)
        assert head_end.attempts < 100
        head_end.refuses_to_store = None
        this.hosting.look()
        await minutes(1)
        assert not this.waiting
        assert len(head_end.stored) == 3 * 80


@in_virtual_time
async def test_one_reading_that_is_refused_lets_the_others_pass(tmp_path: Path) -> None:
    head_end = ScriptedHeadEnd()
    async with master(tmp_path, head_end, count=20) as this:
        head_end.order(daily("daily", 13 * 60))
        bad = str(this.meters[7].secondary)
        head_end.refuses = lambda reading: reading.meter == bad
        await minutes(100)
        assert len(head_end.stored) == 19
        assert this.waiting == 1
        head_end.refuses = lambda _: False
        await minutes(120)
        assert len(head_end.stored) == 20


@in_virtual_time
async def test_off_nothing_is_read_and_nobody_called_and_on_everything_goes_on(tmp_path: Path) -> None:
    head_end = ScriptedHeadEnd()
    async with master(tmp_path, head_end) as this:
        head_end.order(hourly())
        await minutes(65)
        assert len(head_end.stored) == 3
        this.set(enabled=False)
        await asyncio.sleep(1)
        assert not head_end.said[-1][2].hosting
        assert str(this.hosting.state.reason) == "Hosting is switched off."
        calls = len(head_end.said)
        await minutes(5 * 60)
        assert len(head_end.said) == calls
        assert len(head_end.stored) == 3
        this.set(enabled=True)
        await minutes(2)
        assert this.hosting.state.reached
        assert {one.slot - START for one in head_end.stored.values()} == {
            timedelta(hours=1),
            timedelta(hours=6),
        }
        await minutes(60)
        assert len(head_end.stored) == 9


@in_virtual_time
async def test_switching_off_ends_a_round_after_the_meter_that_is_read_and_on_it_goes_on(
    tmp_path: Path,
) -> None:
    head_end = ScriptedHeadEnd()
    async with master(tmp_path, head_end, count=40) as this:
        head_end.order(daily("daily", 13 * 60))
        await asyncio.sleep(3605)
        this.set(enabled=False)
        await minutes(10)
        assert 0 < this.waiting + len(head_end.stored) < 40
        this.set(enabled=True)
        await minutes(10)
        assert len(head_end.stored) == 40
        assert len({one.meter for one in head_end.stored.values()}) == 40


@in_virtual_time
async def test_orders_and_readings_outlive_a_restart_without_the_head_end(tmp_path: Path) -> None:
    head_end = ScriptedHeadEnd()
    async with master(tmp_path, head_end):
        head_end.order(hourly())
        await minutes(65)
    head_end.trouble = AWAY
    async with master(tmp_path, head_end) as this:
        await minutes(120)
        assert len(this.hosting.state.plans) == 1
        assert this.waiting == 6
    head_end.trouble = None
    async with master(tmp_path, head_end) as this:
        await minutes(1)
        assert this.waiting == 0
    assert len(head_end.stored) == 9


@in_virtual_time
async def test_users_that_were_reset_are_told_once_also_after_a_restart(tmp_path: Path) -> None:
    head_end = ScriptedHeadEnd()
    head_end.trouble = AWAY
    async with master(tmp_path, head_end) as this:
        await minutes(1)
        await this.hosting.note_users_reset()
        await minutes(1)
    head_end.trouble = None
    head_end.said.clear()
    async with master(tmp_path, head_end):
        await minutes(5)
    assert [said.users_reset for _, _, said in head_end.said][:2] == [True, False]


@in_virtual_time
async def test_another_head_end_begins_without_the_orders_of_the_last_one(tmp_path: Path) -> None:
    head_end = ScriptedHeadEnd()
    async with master(tmp_path, head_end) as this:
        this.authority = "one"
        head_end.order(hourly())
        await minutes(2)
        assert len(this.hosting.state.plans) == 1
    head_end.said.clear()
    async with master(tmp_path, head_end) as this:
        this.authority = "two"
        await minutes(2)
        assert head_end.said[0][2].orders == 0


async def test_in_real_time_a_thread_of_its_own_uses_the_file_and_ends_with_it(tmp_path: Path) -> None:
    head_end = ScriptedHeadEnd()
    before = threading.active_count()
    async with master(tmp_path, head_end, threads=True):
        await settled(lambda: bool(head_end.said))
        head_end.command(Command(id="now", kind=CommandKind.READ))
        await settled(lambda: head_end.results == {"now": "done"} and len(head_end.stored) == 3)
    await settled(lambda: threading.active_count() <= before)
    assert {one.outcome for one in head_end.stored.values()} == {Outcome.OK}
