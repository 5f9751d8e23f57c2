"""Rollouts over a real store and a real shelf, with masters that only call."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mbusheadend.alarms.alarm import AlarmFilter
from mbusheadend.alarms.kinds import AlarmKind
from mbusheadend.firmware import Shelf
from mbusheadend.firmware.offering import offered
from mbusheadend.rollout.desk import IN_ANOTHER, NOBODY, NOT_HELD, NOT_NOW, RolloutDesk
from mbusheadend.rollout.errors import RolloutError
from mbusheadend.rollout.plan import Gate, Plan, Ring
from mbusheadend.rollout.runner import RolloutRunner
from mbusheadend.rollout.state import MemberState, Rollout, RolloutState
from mbusheadend.store import CommandState, Store
from mbushosting.contact import CommandResult
from support.headend_messages import contact
from support.releases import NOW, ReleaseMaker

RINGS = (Ring(groups=("test",), soak_hours=1), Ring(percent=100, soak_hours=0))
GATE = Gate(silent_minutes=30)


class Utility:
    """A head-end's store and shelf, and its masters.

    :ivar runs: release of each master.
    """

    def __init__(self, store: Store, shelf: Shelf) -> None:
        self.now = NOW
        self.store = store
        self.shelf = shelf
        self.runs: dict[str, int] = {}
        self.desk = RolloutDesk(store, shelf, lambda: self.now)
        self.runner = RolloutRunner(store, shelf, lambda: self.now)

    async def enrol(self, *serials: str, groups: tuple[str, ...] = ()) -> None:
        for serial in serials:
            await self.store.add_token(serial.encode(), self.now + timedelta(days=1), "", self.now)
            assert await self.store.use_token(serial.encode(), serial, self.now)
            await self.store.set_master(serial, name="", groups=groups)
            self.runs[serial] = 41

    async def call(self, *serials: str, obey: bool = True) -> None:
        """Let masters call, and do at once what they are told, or refuse it."""
        for serial in serials or self.runs:
            results = []
            for command in (await self.store.orders(serial, 0, "", self.now)).commands:
                assert command.update is not None
                if obey and self.offer(await self.desk.word_for(serial), serial) == command.update.release:
                    self.runs[serial] = command.update.release
                    results.append(CommandResult(id=command.id, outcome="done"))
                else:
                    results.append(CommandResult(id=command.id, outcome="refused", detail="no"))
            said = contact(
                serial,
                time=self.now,
                started=NOW,
                release=f"{self.runs[serial]:04d}",
                updates="on",
                results=tuple(results),
            )
            await self.store.note_contact(serial, said, self.now)

    def offer(self, word: Any, serial: str) -> int:
        found = offered(self.shelf.releases(), (), self.runs[serial], self.now, word)
        return 0 if found is None else found.number

    async def offers(self) -> dict[str, int]:
        return {serial: self.offer(await self.desk.word_for(serial), serial) for serial in self.runs}

    async def later(self, minutes: float = 10, *, obey: bool = True) -> None:
        self.now += timedelta(minutes=minutes)
        await self.call(obey=obey)
        await self.runner.tick()

    async def state(self, id: str) -> RolloutState:
        return (await self.store.rollout(id)).state

    def restart(self) -> None:
        """All that is in the memory of the process is gone."""
        self.runner = RolloutRunner(self.store, self.shelf, lambda: self.now)


@pytest.fixture
async def utility(store: Store, tmp_path: Path) -> Utility:
    maker = ReleaseMaker(tmp_path / "made")
    shelf = Shelf(tmp_path / "shelf", tmp_path / "no package")
    shelf.add(maker.good(42), NOW, root=maker.root)
    here = Utility(store, shelf)
    await here.enrol("M1", "M2", groups=("test",))
    await here.enrol("M3", "M4")
    await here.call()
    return here


def plan(**facts: Any) -> Plan:
    return Plan.model_validate({"release": 42, "rings": RINGS, "gate": GATE, **facts})


async def started(utility: Utility, **facts: Any) -> Rollout:
    return await utility.desk.start((await utility.desk.make(plan(**facts), "anna")).id)


async def test_a_fleet_is_updated_ring_by_ring(utility: Utility) -> None:
    assert set((await utility.offers()).values()) == {42}
    rollout = await started(utility)
    assert set((await utility.offers()).values()) == {0}
    await utility.runner.tick()
    assert await utility.offers() == {"M1": 42, "M2": 42, "M3": 0, "M4": 0}
    await utility.later()
    assert utility.runs == {"M1": 42, "M2": 42, "M3": 41, "M4": 41}
    for _ in range(9):
        utility.restart()
        await utility.later()
    assert set(utility.runs.values()) == {42}
    assert await utility.state(rollout.id) is RolloutState.FINISHED
    commands = [one.state for serial in utility.runs for one in await utility.store.commands(serial)]
    assert commands == [CommandState.DONE] * 4


async def test_a_refusal_stops_it_with_an_alarm_and_a_person_goes_on(utility: Utility) -> None:
    rollout = await started(utility)
    await utility.runner.tick()
    await utility.call("M1", obey=False)
    await utility.runner.tick()
    stopped = await utility.store.rollout(rollout.id)
    assert (stopped.state, stopped.reason.values["refused"]) == (RolloutState.STOPPED, 1)
    chosen = AlarmFilter(is_open=True, kinds=frozenset({AlarmKind.ROLLOUT_STOPPED}))
    assert (await utility.store.alarms(chosen)).total == 1
    # What was called back does not come by another way.
    assert set((await utility.offers()).values()) == {0}
    (command,) = await utility.store.commands("M2")
    assert command.state is CommandState.CANCELLED
    await utility.desk.go_on(rollout.id, retry=True)
    assert (await utility.store.alarms(chosen)).total == 0
    for _ in range(10):
        await utility.later()
    assert await utility.state(rollout.id) is RolloutState.FINISHED
    assert set(utility.runs.values()) == {42}


async def test_masters_that_come_while_it_runs_get_the_last_ring(utility: Utility) -> None:
    rollout = await started(utility)
    await utility.runner.tick()
    await utility.enrol("M5")
    utility.restart()
    for _ in range(10):
        await utility.later()
    members = await utility.store.rollout_members(rollout.id)
    assert [(one.serial, one.ring, one.state) for one in members][-1] == ("M5", 1, MemberState.UPDATED)


async def test_a_pause_tells_no_more_masters_and_lets_the_others_finish(utility: Utility) -> None:
    rollout = await started(utility, most_at_once=1)
    await utility.runner.tick()
    await utility.desk.pause(rollout.id)
    for _ in range(3):
        await utility.later()
    assert sorted(utility.runs.values()) == [41, 41, 41, 42]
    await utility.desk.resume(rollout.id)
    for _ in range(15):
        await utility.later()
    assert set(utility.runs.values()) == {42}


async def test_what_is_cancelled_is_taken_back_and_stays_withheld(utility: Utility) -> None:
    rollout = await started(utility)
    await utility.runner.tick()
    await utility.desk.cancel(rollout.id)
    await utility.later()
    assert set(utility.runs.values()) == {41}
    assert set((await utility.offers()).values()) == {0}
    await utility.desk.delete(rollout.id)
    assert set((await utility.offers()).values()) == {42}


async def test_a_head_end_that_dies_between_storing_and_ordering_orders_again(
    utility: Utility, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = await started(utility)

    async def dies(serial: str, command: object, now: datetime) -> None:
        raise ConnectionError("the power is gone")

    with monkeypatch.context() as broken:
        broken.setattr(utility.store, "add_command", dies)
        with pytest.raises(ConnectionError):
            await utility.runner.tick()
    utility.restart()
    await utility.later(1)
    await utility.later(1)
    assert utility.runs["M1"] == 42
    (member, *_) = await utility.store.rollout_members(rollout.id)
    assert member.attempt == 1


async def test_a_release_that_is_taken_off_the_shelf_stops_it(utility: Utility) -> None:
    rollout = await started(utility)
    await utility.runner.tick()
    utility.shelf.remove(42)
    await utility.runner.tick()
    assert await utility.state(rollout.id) is RolloutState.STOPPED


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"release": 43}, NOT_HELD),
        ({"hours": {"zone": "Europe/Nowhere"}}, "There is no time zone %(zone)s here."),
    ],
)
async def test_what_cannot_be_is_refused(utility: Utility, wanted: dict[str, Any], why: str) -> None:
    with pytest.raises(RolloutError) as caught:
        await utility.desk.make(plan(**wanted), "anna")
    assert caught.value.text.template == why


async def test_there_is_one_rollout_of_a_release_and_its_first_ring_has_masters(utility: Utility) -> None:
    first = await utility.desk.make(plan(), "anna")
    for change, why in (
        (lambda: utility.desk.make(plan(), "anna"), IN_ANOTHER),
        (lambda: utility.desk.resume(first.id), NOT_NOW[first.state]),
        (lambda: utility.desk.go_on(first.id, retry=False), NOT_NOW[first.state]),
        (lambda: utility.desk.deal(plan(rings=(Ring(groups=("nobody",)),))), NOBODY),
    ):
        asked: Callable[[], Any] = change
        with pytest.raises(RolloutError) as caught:
            await asked()
        assert caught.value.text.template == why


async def test_where_only_rollouts_offer_a_new_release_comes_to_nobody_else(utility: Utility) -> None:
    await utility.desk.set_rollouts_only(on=True)
    assert set((await utility.offers()).values()) == {0}
    words = await utility.desk.words()
    assert not words("M1").allows(42, else_offered=True)
    await started(utility)
    await utility.runner.tick()
    words = await utility.desk.words()
    assert words("M1").allows(42, else_offered=True)
    assert not words("M3").allows(42, else_offered=True)
