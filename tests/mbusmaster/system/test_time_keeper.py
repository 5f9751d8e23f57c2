import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mbusmaster.system import time_texts as texts
from mbusmaster.system.clock import ClockBelief, ClockChange, ClockQuality, TimeState, TimeStatus
from mbusmaster.system.time_keeper import LONGEST_FREE, TimeKeeper, boot_id, is_kept_by_system
from mbusmaster.system.time_memory import TimeMemory
from mbusweb.texts import NO_TEXT, Text

NOW = datetime(2026, 11, 22, 9, 8, 7, tzinfo=UTC)
DAY = timedelta(days=1)


class Machine:
    """What a keeper is made of."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.folder = folder
        self.memory = TimeMemory(folder)

    def keeper(
        self, *, doubt: Text = NO_TEXT, battery: bool = True, system: bool = False, boot: str = "this"
    ) -> TimeKeeper:
        return TimeKeeper(
            self.memory,
            now=lambda: self.now,
            doubt=doubt,
            has_battery=battery,
            system_keeps=lambda: system,
            boot=boot,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def heard(keeper: TimeKeeper, status: TimeStatus) -> ClockBelief:
    keeper.heard(TimeState(status, "nts.example"))
    return keeper.belief


def set_to(keeper: TimeKeeper, moment: datetime) -> None:
    keeper.was_set(ClockChange(NOW, moment))


async def test_a_clock_that_nobody_has_set_is_doubtful(machine: Machine) -> None:
    belief = machine.keeper().belief
    assert (belief.is_doubtful, belief.reason.template) == (True, texts.NEVER_SET)


async def test_a_clock_that_the_system_keeps_is_believed(machine: Machine) -> None:
    keeper = machine.keeper(system=True, battery=False)
    assert heard(keeper, TimeStatus.NOT_AVAILABLE).quality is ClockQuality.SYSTEM


async def test_a_followed_server_makes_it_right_and_later_it_runs_free(machine: Machine) -> None:
    keeper = machine.keeper(doubt=Text(texts.BELOW_FLOOR, {"was": "1970", "floor": "2026"}))
    assert keeper.belief.is_doubtful
    assert heard(keeper, TimeStatus.AUTHENTICATED).quality is ClockQuality.SYNCHRONISED
    machine.now += DAY
    belief = heard(keeper, TimeStatus.UNREACHABLE)
    assert (belief.quality, belief.since) == (ClockQuality.FREE_RUNNING, NOW)
    machine.now += LONGEST_FREE
    belief = keeper.belief
    assert (belief.is_doubtful, belief.reason.template) == (True, texts.LONG_AGO)


async def test_a_server_without_authentication_makes_nothing_right(machine: Machine) -> None:
    keeper = machine.keeper()
    for status in set(TimeStatus) - {TimeStatus.AUTHENTICATED}:
        assert heard(keeper, status).is_doubtful


async def test_a_clock_set_by_hand_is_believed_from_then_on(machine: Machine) -> None:
    keeper = machine.keeper(doubt=Text(texts.BELOW_FLOOR, {"was": "1970", "floor": "2026"}))
    set_to(keeper, NOW)
    assert keeper.belief == ClockBelief(ClockQuality.SET, NOW)


async def test_a_clock_that_was_ahead_and_is_set_back_is_believed(machine: Machine) -> None:
    keeper = machine.keeper()
    machine.now = NOW + 400 * DAY
    heard(keeper, TimeStatus.AUTHENTICATED)
    heard(keeper, TimeStatus.NOT_USED)
    machine.now = NOW
    set_to(keeper, NOW)
    assert keeper.belief.quality is ClockQuality.SET


async def test_without_a_battery_the_time_is_lost_with_the_power_but_not_with_a_restart(
    machine: Machine,
) -> None:
    set_to(machine.keeper(battery=False, boot="first"), NOW)
    assert machine.keeper(battery=False, boot="first").belief.quality is ClockQuality.SET
    belief = machine.keeper(battery=False, boot="second").belief
    assert (belief.is_doubtful, belief.reason.template) == (True, texts.NO_BATTERY)
    assert machine.keeper(battery=True, boot="second").belief.quality is ClockQuality.SET


async def test_certificates_are_dated_only_by_a_clock_that_went_on(machine: Machine) -> None:
    assert machine.keeper().is_clock_known
    assert not machine.keeper(battery=False).is_clock_known
    assert not machine.keeper(doubt=Text(texts.STILL_BELOW, {})).is_clock_known


async def test_what_is_known_is_written_at_news_and_at_the_end(machine: Machine) -> None:
    written, loop = asyncio.Event(), asyncio.get_running_loop()

    class Memory(TimeMemory):
        def save(self) -> None:
            super().save()
            loop.call_soon_threadsafe(written.set)

    machine.memory = Memory(machine.folder)
    keeper = machine.keeper()
    running = asyncio.create_task(keeper.run())
    set_to(keeper, NOW)
    await written.wait()
    assert TimeMemory(machine.folder).known.set == NOW
    machine.now += DAY
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    known = TimeMemory(machine.folder).known
    assert (known.time, known.set) == (NOW + DAY, NOW)


def test_this_machine_has_a_name_for_its_start_and_something_to_say_of_its_clock() -> None:
    assert boot_id() == boot_id() != ""
    assert is_kept_by_system() in (True, False)
