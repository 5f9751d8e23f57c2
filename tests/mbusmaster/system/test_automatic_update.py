"""When an update server is asked, and when what it has is installed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mbusmaster.helper.client import Helper
from mbusmaster.settings.schema import FirmwareSettings
from mbusmaster.system.automatic_update import LONGEST_WAIT, QUIET_SECONDS, AutomaticUpdate
from mbusmaster.system.update import (
    NO_SERVER,
    NOTHING_NEWER,
    Installed,
    LastUpdate,
    Outcome,
    ServerCheck,
    UpdateError,
    UpdateState,
    UpdateStatus,
)
from mbusmaster.system.update_schedule import DAY, daily_wait, first_wait, retry_wait, share
from mbusmaster.system.update_server import TOO_SLOW, Offered, ServerError, UpdateServer
from mbusmaster.system.update_slots import SlotUpdates
from mbusmaster.system.update_source import NOBODY, UpdateSource
from mbusmaster.system.update_spool import Spool
from mbusmaster.system.update_trial import Trial
from mbusweb.texts import Text
from support.virtual_time import in_virtual_time

BEGIN = datetime(2026, 11, 22, 9, 8, 7, tzinfo=UTC)
URL = "https://updates.example"
SERIAL = "SN12345"
FIRST = first_wait(SERIAL, 0.5)
HERE = Path("/nonexistent")


class Slots(SlotUpdates):
    """Installs at once, and only remembers when."""

    def __init__(self) -> None:
        trial = Trial(Helper(HERE), HERE, dict, lambda why: None)
        super().__init__(Helper(HERE), Spool(HERE), trial, restart=lambda why: None)
        self.now = UpdateState(UpdateStatus.IDLE, installed=Installed("0012", "0.2.12", "a"))
        self.at: list[float] = []

    @property
    def state(self) -> UpdateState:
        return self.now

    @property
    def installed(self) -> int:
        return 12

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def install_fetched(self, fetched: Path, *, from_server: bool = True) -> None:
        self.at.append(asyncio.get_running_loop().time())
        self.from_server = from_server


class Server(UpdateServer):
    """Has a release, or an error; remembers when it was asked, and for what."""

    def __init__(self) -> None:
        super().__init__(HERE, HERE, HERE)
        self.has: int | str = 12
        self.asked: list[tuple[float, int, bool]] = []

    async def ask(self, source: UpdateSource, *, installed: int, fetch: bool, **_: Any) -> Offered:
        self.last = source
        self.asked.append((asyncio.get_running_loop().time(), installed, fetch))
        if isinstance(self.has, str):
            raise ServerError(Text(self.has, {"seconds": 180}))
        newer = fetch and self.has > installed
        return Offered(self.has, f"MBMC2022_release_{self.has:04d}.tar" if newer else "")

    @property
    def times(self) -> list[float]:
        return [at for at, _installed, _fetch in self.asked]


class Master:
    """An updater at work in virtual time."""

    def __init__(self, settings: FirmwareSettings) -> None:
        self.slots = Slots()
        self.server = Server()
        self.settings = settings
        self.head_end = NOBODY
        self.is_quiet: Callable[[], bool] = lambda: True
        self.updates = AutomaticUpdate(
            self.slots,
            self.server,
            settings=lambda: self.settings,
            serial_number=SERIAL,
            head_end=lambda: self.head_end,
            clock=lambda: BEGIN + timedelta(seconds=asyncio.get_running_loop().time()),
            is_quiet=lambda: self.is_quiet(),
            chance=lambda: 0.5,
        )

    def change(self, **settings: Any) -> None:
        self.settings = self.settings.model_copy(update=settings)
        self.updates.settings_changed()


@asynccontextmanager
async def at_work(**settings: Any) -> AsyncIterator[Master]:
    master = Master(FirmwareSettings(**{"server": URL, **settings}))
    task = asyncio.create_task(master.updates.run())
    await asyncio.sleep(0)
    yield master
    task.cancel()
    await asyncio.wait([task])


@in_virtual_time
async def test_the_server_is_asked_minutes_after_the_start_and_then_once_a_day_at_a_time_of_its_own() -> None:
    async with at_work() as master:
        await asyncio.sleep(4 * DAY)
        times = master.server.times
        assert 120 <= times[0] <= 720
        days = [later - earlier for earlier, later in pairwise(times[1:])]
        assert len(days) >= 2
        assert all(DAY - 1 <= day <= DAY + 1 for day in days)


@in_virtual_time
async def test_a_server_that_fails_is_asked_again_sooner_then_less_and_less_often() -> None:
    async with at_work() as master:
        master.server.has = TOO_SLOW
        await asyncio.sleep(2 * DAY)
        times = master.server.times
        waits = [round(later - earlier) for earlier, later in pairwise(times)]
        assert waits[:5] == [600, 1200, 2400, 4800, 9600]
        assert max(waits) <= 6 * 3600
        state = master.updates.state
        assert not state.server_reached
        assert state.server.last is not None
        assert state.server.last.problem.template == TOO_SLOW
        master.server.has = 12
        await asyncio.sleep(DAY)
        assert master.updates.state.server_reached


@in_virtual_time
async def test_without_a_server_or_switched_off_nobody_is_asked() -> None:
    for settings in ({"server": None}, {"automatic": False}):
        async with at_work(**settings) as master:
            await asyncio.sleep(3 * DAY)
            assert not master.server.asked


@in_virtual_time
async def test_a_server_that_is_named_or_switched_on_is_asked_at_once() -> None:
    async with at_work(server=None) as master:
        await asyncio.sleep(DAY / 2)
        master.change(server=URL)
        await asyncio.sleep(1)
        assert len(master.server.asked) == 1
    async with at_work(automatic=False) as master:
        await asyncio.sleep(DAY / 2)
        master.change(automatic=True)
        await asyncio.sleep(1)
        assert len(master.server.asked) == 1


@in_virtual_time
async def test_a_head_end_is_asked_at_once_when_it_has_taken_the_master_in_and_no_server_is_named() -> None:
    async with at_work(server=None) as master:
        await asyncio.sleep(DAY / 2)
        assert not master.server.asked
        master.server.has = 13
        master.head_end = UpdateSource("https://head-end.example/firmware", is_head_end=True)
        master.updates.settings_changed()
        await asyncio.sleep(QUIET_SECONDS + 30)
        assert (master.server.last, master.slots.from_server) == (master.head_end, False)
        assert master.updates.state.server.is_head_end
        master.head_end = NOBODY
        master.updates.settings_changed()
        await asyncio.sleep(1)
        assert (master.updates.state.server.url, master.updates.state.server_reached) == ("", False)


@in_virtual_time
async def test_a_server_that_is_named_is_asked_and_not_the_head_end() -> None:
    async with at_work() as master:
        master.server.has = 13
        master.head_end = UpdateSource("https://head-end.example/firmware", is_head_end=True)
        await asyncio.sleep(DAY)
        assert (master.server.last.url, master.slots.from_server) == (URL, True)


@in_virtual_time
async def test_another_server_makes_what_the_one_before_said_worthless() -> None:
    async with at_work() as master:
        await asyncio.sleep(FIRST + 1)
        assert master.updates.state.server_reached
        master.change(server=None)
        await asyncio.sleep(1)
        assert not master.updates.state.server_reached


@in_virtual_time
async def test_a_newer_release_is_installed_when_the_bus_was_quiet_for_a_while() -> None:
    async with at_work() as master:
        master.server.has = 13
        busy_until = FIRST + 3600
        master.is_quiet = lambda: asyncio.get_running_loop().time() > busy_until
        await asyncio.sleep(FIRST + 1800)
        assert master.updates.state.server.waiting == "0013"
        assert not master.slots.at
        await asyncio.sleep(3600)
        (at,) = master.slots.at
        assert busy_until + QUIET_SECONDS <= at <= busy_until + QUIET_SECONDS + 30
        assert master.updates.state.server.waiting == ""


@in_virtual_time
async def test_a_bus_that_is_never_quiet_does_not_keep_a_release_away_for_ever() -> None:
    async with at_work() as master:
        master.server.has = 13
        master.is_quiet = lambda: False
        await asyncio.sleep(FIRST + LONGEST_WAIT + 30)
        (at,) = master.slots.at
        assert at >= FIRST + LONGEST_WAIT


@in_virtual_time
async def test_a_release_that_waits_is_not_installed_once_updates_are_switched_off_but_can_be_by_hand() -> (
    None
):
    async with at_work() as master:
        master.server.has = 13
        master.is_quiet = lambda: False
        await asyncio.sleep(FIRST + 60)
        master.change(automatic=False)
        await asyncio.sleep(2 * DAY)
        assert not master.slots.at
        await master.updates.install_offered()
        await asyncio.sleep(1)
        assert len(master.slots.at) == 1


@in_virtual_time
async def test_somebody_who_does_not_want_to_wait_for_a_quiet_bus_need_not() -> None:
    async with at_work() as master:
        master.server.has = 13
        master.is_quiet = lambda: False
        await asyncio.sleep(FIRST + 60)
        await master.updates.install_offered()
        await asyncio.sleep(1)
        assert len(master.slots.at) == 1


@in_virtual_time
async def test_check_now_asks_at_once_and_fetches_nothing_where_updates_are_not_automatic() -> None:
    async with at_work(automatic=False) as master:
        master.server.has = 13
        with pytest.raises(UpdateError) as refused:
            await master.updates.install_offered()
        assert refused.value.text.template == NOTHING_NEWER
        await master.updates.check()
        assert master.updates.state.server.asking
        await asyncio.sleep(1)
        assert master.updates.state.server.last == ServerCheck(BEGIN, reached=True, offers="0013")
        assert not master.slots.at
        await master.updates.install_offered()
        await asyncio.sleep(1)
        assert [fetch for _at, _installed, fetch in master.server.asked] == [False, True]
        assert len(master.slots.at) == 1


@in_virtual_time
async def test_where_no_server_is_named_check_now_says_so() -> None:
    async with at_work(server=None) as master:
        with pytest.raises(UpdateError) as refused:
            await master.updates.check()
        assert refused.value.text.template == NO_SERVER


@in_virtual_time
async def test_a_release_that_was_taken_back_is_not_installed_again_by_itself_but_by_hand() -> None:
    async with at_work() as master:
        master.server.has = 13
        master.slots.now = replace(master.slots.now, last=LastUpdate("0013", Outcome.ROLLED_BACK))
        await asyncio.sleep(2 * DAY)
        assert not master.slots.at
        assert master.updates.state.server.last is not None
        assert master.updates.state.server.last.offers == "0013"
        await master.updates.install_offered()
        await asyncio.sleep(1)
        assert len(master.slots.at) == 1


def test_many_masters_ask_at_many_times() -> None:
    firsts = {round(first_wait(f"SN{number}", 0.5)) // 10 for number in range(1000)}
    daily = {round(daily_wait(BEGIN, f"SN{number}", 0.5)) // 3600 for number in range(1000)}
    assert len(firsts) > 25
    assert len(daily) >= 24
    assert all(0 <= share(f"SN{number}") < 1 for number in range(1000))


def test_waits_are_bounded_whatever_happened_before() -> None:
    assert all(
        300 <= retry_wait(failures, chance) <= 9 * 3600 for failures in (1, 5, 10_000) for chance in (0, 0.99)
    )
    assert all(3600 <= daily_wait(BEGIN, f"SN{number}", 0) <= DAY + 3600 for number in range(1000))
