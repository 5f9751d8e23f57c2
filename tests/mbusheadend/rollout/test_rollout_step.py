"""A rollout over days, without a store and without masters: what is known is told to it, tick by tick."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mbusheadend.rollout.health import ALARMS, INCOMPLETE, NOT_WELL, Seen, Shares
from mbusheadend.rollout.plan import Gate, Hours, Plan, Ring
from mbusheadend.rollout.state import Member, MemberState, Rollout, RolloutState
from mbusheadend.rollout.step import NOT_OFFERED, Facts, Step, step, wants_shares
from mbusheadend.store import CommandState

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
TICK = timedelta(minutes=10)
GATE = Gate(reported_percent=90, report_hours=24, silent_minutes=60, completeness_points=5, most_restarts=1)
TWO_RINGS = (Ring(count=2, soak_hours=12), Ring(percent=100, soak_hours=0))


class Fleet:
    """Masters in a rollout, in a time that passes by ticks.

    :ivar deaf: masters that do not call.
    :ivar obedient: masters install what they are told at the next tick.
    """

    def __init__(self, masters: int = 6, **plan: Any) -> None:
        facts = {"release": 42, "rings": TWO_RINGS, "gate": GATE, "most_at_once": 100, **plan}
        self.now = MONDAY
        self.rollout = Rollout(
            id="a1", plan=Plan.model_validate(facts), added=MONDAY, state=RolloutState.RUNNING, began=MONDAY
        )
        first = self.rollout.plan.rings[0].count or masters
        self.members = {
            f"M{number}": Member(serial=f"M{number}", ring=0 if number < first else 1)
            for number in range(masters)
        }
        self.seen = {serial: Seen(MONDAY, 41, MONDAY, "on") for serial in self.members}
        self.deaf: set[str] = set()
        self.obedient = True
        self.is_held = True
        self.alarmed: dict[str, datetime] = {}
        self.shares: Shares | None = None
        self.told: list[str] = []
        self.withdrawn: list[str] = []

    def tick(self, count: int = 1) -> Step:
        """Let time pass, do what comes of it, and give the last step."""
        for _ in range(count):
            self.now += TICK
            for serial in self.seen.keys() - self.deaf:
                self.seen[serial] = replace(self.seen[serial], last_contact=self.now)
            done = step(self.rollout, self.known(), self.facts())
            self.rollout = done.rollout
            self.members.update((one.serial, one) for one in done.members)
            self.withdrawn += [one.serial for one in done.withdrawn]
            for one in done.asks:
                self.told.append(one.serial)
                self.members[one.serial] = one.model_copy(update={"is_told": True})
                if self.obedient:
                    self.runs(one.serial)
        return done

    def known(self) -> Iterable[Member]:
        return [one for one in self.members.values() if one.ring <= self.rollout.ring]

    def facts(self) -> Facts:
        shares = self.shares if wants_shares(self.rollout, self.now) else None
        return Facts(self.now, self.is_held, self.seen, self.alarmed, shares)

    def runs(self, serial: str, release: int = 42) -> None:
        self.seen[serial] = replace(
            self.seen[serial], release=release, started=self.now, command=CommandState.DONE
        )

    def says(self, serial: str, command: CommandState, detail: str = "") -> None:
        self.seen[serial] = replace(self.seen[serial], command=command, detail=detail)

    def state(self, serial: str) -> MemberState:
        return self.members[serial].state

    @property
    def reason(self) -> str:
        return self.rollout.reason.template


def test_ring_after_ring_is_updated_watched_and_left() -> None:
    fleet = Fleet()
    fleet.tick()
    assert fleet.told == ["M0", "M1"]
    fleet.tick()
    assert fleet.state("M0") is MemberState.UPDATED
    assert (fleet.rollout.ring, fleet.rollout.soaking) == (0, fleet.now)
    fleet.tick(71)
    assert (fleet.rollout.ring, fleet.told) == (0, ["M0", "M1"])
    fleet.tick()
    assert fleet.rollout.ring == 1
    fleet.tick()
    assert sorted(fleet.told) == [f"M{number}" for number in range(6)]
    fleet.tick()
    assert fleet.rollout.state is RolloutState.FINISHED
    assert fleet.tick().rollout is fleet.rollout


def test_no_more_are_told_at_once_than_is_wanted() -> None:
    fleet = Fleet(10, rings=(Ring(percent=100, soak_hours=0),), most_at_once=3)
    fleet.obedient = False
    fleet.tick(5)
    assert fleet.told == ["M0", "M1", "M2"]
    fleet.runs("M1")
    fleet.tick()
    assert fleet.told == ["M0", "M1", "M2", "M3"]


def test_updates_begin_only_in_their_hours_and_lapse_with_them() -> None:
    hours = Hours(zone="Europe/Berlin", begin=120, end=180)
    fleet = Fleet(hours=hours)
    fleet.obedient = False
    fleet.tick(5)
    assert fleet.told == []
    # Two o'clock in Berlin is one o'clock UTC.
    fleet.tick()
    assert (fleet.told, fleet.now) == (["M0", "M1"], MONDAY + timedelta(hours=1))
    assert fleet.members["M0"].expires == MONDAY + timedelta(hours=2)
    fleet.tick(6)
    for serial in ("M0", "M1"):
        fleet.says(serial, CommandState.REFUSED, "there was no quiet moment in time")
    fleet.tick()
    assert fleet.state("M0") is MemberState.WAITING
    fleet.obedient = True
    fleet.tick(144)
    assert fleet.told == ["M0", "M1", "M0", "M1"]
    assert fleet.members["M0"].attempt == 2


@pytest.mark.parametrize(
    ("outcome", "state", "word"),
    [
        (CommandState.REFUSED, MemberState.REFUSED, "refused"),
        (CommandState.FAILED, MemberState.FAILED, "failed"),
    ],
)
def test_a_ring_that_goes_wrong_stops_the_rollout_and_calls_back_the_rest(
    outcome: CommandState, state: MemberState, word: str
) -> None:
    fleet = Fleet()
    fleet.obedient = False
    fleet.tick()
    fleet.says("M0", outcome, "no room")
    fleet.tick()
    assert (fleet.rollout.state, fleet.reason) == (RolloutState.STOPPED, NOT_WELL)
    assert fleet.rollout.reason.values[word] == 1
    assert (fleet.state("M0"), fleet.members["M0"].detail) == (state, "no room")
    assert (fleet.withdrawn, fleet.state("M1")) == (["M1"], MemberState.WAITING)
    fleet.tick(200)
    assert fleet.told == ["M0", "M1"]


def test_as_many_as_the_gate_allows_may_go_wrong() -> None:
    fleet = Fleet(20, rings=(Ring(percent=100, soak_hours=1),))
    fleet.obedient = False
    fleet.tick()
    for number in range(2, 20):
        fleet.runs(f"M{number}")
    for number in range(2):
        fleet.says(f"M{number}", CommandState.REFUSED)
    fleet.tick(8)
    assert fleet.rollout.state is RolloutState.FINISHED


def test_a_master_that_does_not_report_in_time_is_late() -> None:
    fleet = Fleet()
    fleet.obedient = False
    fleet.tick()
    fleet.runs("M0")
    fleet.tick(144)
    assert (fleet.state("M1"), fleet.reason) == (MemberState.LATE, NOT_WELL)
    assert fleet.rollout.reason.values["late"] == 1


def test_a_master_that_falls_silent_after_its_update_stops_the_rollout() -> None:
    fleet = Fleet()
    fleet.tick(2)
    fleet.deaf = {"M1"}
    fleet.tick(6)
    assert fleet.rollout.state is RolloutState.RUNNING
    fleet.tick()
    assert (fleet.rollout.state, fleet.rollout.reason.values["silent"]) == (RolloutState.STOPPED, 1)


def test_a_master_that_falls_silent_while_it_updates_stops_the_rollout() -> None:
    fleet = Fleet()
    fleet.obedient = False
    fleet.tick()
    fleet.deaf = {"M0"}
    fleet.tick(8)
    assert fleet.rollout.reason.values["silent"] == 1


def test_masters_that_were_silent_before_hold_nobody_up_and_follow_when_they_are_back() -> None:
    fleet = Fleet()
    fleet.deaf = {"M0", "M3"}
    fleet.seen["M0"] = replace(fleet.seen["M0"], last_contact=None)
    fleet.seen["M3"] = replace(fleet.seen["M3"], last_contact=MONDAY - timedelta(days=3))
    fleet.tick(80)
    assert fleet.state("M0") is MemberState.ABSENT
    assert (fleet.rollout.ring, fleet.rollout.state) == (1, RolloutState.FINISHED)
    fleet = Fleet()
    fleet.deaf = {"M0"}
    fleet.seen["M0"] = replace(fleet.seen["M0"], last_contact=None)
    fleet.tick(10)
    fleet.deaf = set()
    fleet.tick(2)
    assert fleet.state("M0") is MemberState.UPDATED


def test_a_ring_of_absent_masters_is_not_skipped() -> None:
    fleet = Fleet()
    fleet.deaf = {"M0", "M1"}
    for serial in fleet.deaf:
        fleet.seen[serial] = replace(fleet.seen[serial], last_contact=None)
    fleet.tick(500)
    assert (fleet.rollout.ring, fleet.rollout.state) == (0, RolloutState.RUNNING)


def test_masters_that_were_deleted_hold_nobody_up() -> None:
    fleet = Fleet()
    fleet.obedient = False
    fleet.tick()
    del fleet.seen["M0"]
    fleet.runs("M1")
    fleet.tick(2)
    assert fleet.state("M0") is MemberState.GONE
    assert fleet.rollout.soaking is not None
    fleet = Fleet()
    for serial in ("M0", "M1"):
        del fleet.seen[serial]
    fleet.tick()
    assert fleet.rollout.ring == 1


def test_a_release_that_is_withdrawn_stops_the_rollout() -> None:
    fleet = Fleet()
    fleet.obedient = False
    fleet.tick()
    fleet.is_held = False
    fleet.tick()
    assert (fleet.rollout.state, fleet.reason) == (RolloutState.STOPPED, NOT_OFFERED)
    assert sorted(fleet.withdrawn) == ["M0", "M1"]


def test_a_master_that_starts_again_and_again_stops_the_rollout() -> None:
    fleet = Fleet()
    fleet.tick(2)
    for _ in range(2):
        assert fleet.rollout.state is RolloutState.RUNNING
        fleet.seen["M0"] = replace(fleet.seen["M0"], started=fleet.now)
        fleet.tick()
    assert fleet.rollout.reason.values["restarted"] == 1


def test_a_master_that_runs_an_older_release_again_has_failed() -> None:
    fleet = Fleet()
    fleet.tick(3)
    fleet.runs("M0", 41)
    fleet.tick()
    assert (fleet.state("M0"), fleet.members["M0"].detail) == (
        MemberState.FAILED,
        "runs an older release again",
    )
    assert fleet.rollout.state is RolloutState.STOPPED


def test_a_master_that_has_just_started_and_does_not_know_its_release_has_not_failed() -> None:
    fleet = Fleet()
    fleet.tick(3)
    fleet.runs("M0", 0)
    fleet.tick()
    assert (fleet.state("M0"), fleet.rollout.state) == (MemberState.UPDATED, RolloutState.RUNNING)


def test_alarms_that_begin_after_the_update_stop_it_and_older_ones_do_not() -> None:
    fleet = Fleet()
    fleet.alarmed = {"M0": MONDAY - timedelta(days=1), "M5": MONDAY + timedelta(hours=5)}
    fleet.tick(30)
    assert fleet.rollout.state is RolloutState.RUNNING
    fleet.alarmed["M1"] = fleet.now
    fleet.tick()
    assert (fleet.reason, fleet.rollout.reason.values["masters"]) == (ALARMS, "M1")


@pytest.mark.parametrize(("after", "goes_on"), [(0.93, True), (0.92, False), (1.0, True)])
def test_readings_must_come_as_before(after: float, goes_on: bool) -> None:
    fleet = Fleet()
    fleet.shares = Shares(0.98, after)
    fleet.tick(80)
    if goes_on:
        assert fleet.rollout.state is RolloutState.FINISHED
    else:
        assert (fleet.rollout.state, fleet.reason) == (RolloutState.STOPPED, INCOMPLETE)


def test_a_step_that_was_broken_off_is_done_again_under_the_same_id() -> None:
    fleet = Fleet()
    fleet.now += TICK
    first = step(fleet.rollout, fleet.known(), fleet.facts())
    # What was stored is there after the restart; that the order was given is not.
    fleet.members.update((one.serial, one) for one in first.members)
    fleet.now += TICK
    again = step(first.rollout, fleet.known(), fleet.facts())
    assert [one.command_of("a1") for one in again.asks] == [one.command_of("a1") for one in first.asks]
    assert again.members == ()


@pytest.mark.parametrize("state", sorted(set(RolloutState) - {RolloutState.RUNNING}))
def test_only_a_rollout_that_runs_goes_on(state: RolloutState) -> None:
    fleet = Fleet()
    fleet.rollout = fleet.rollout.model_copy(update={"state": state})
    assert fleet.tick() == Step(fleet.rollout)


def test_masters_whose_owner_switched_it_off_refuse() -> None:
    fleet = Fleet()
    fleet.seen["M0"] = replace(fleet.seen["M0"], willing="off")
    fleet.tick()
    assert (fleet.state("M0"), fleet.told) == (MemberState.REFUSED, ["M1"])


def test_what_was_excused_does_not_count_again() -> None:
    fleet = Fleet()
    fleet.obedient = False
    fleet.tick()
    fleet.says("M0", CommandState.FAILED)
    fleet.tick()
    fleet.members["M0"] = fleet.members["M0"].model_copy(update={"is_excused": True})
    fleet.rollout = fleet.rollout.model_copy(update={"state": RolloutState.RUNNING})
    fleet.obedient = True
    fleet.tick(3)
    assert (fleet.rollout.state, fleet.state("M1")) == (RolloutState.RUNNING, MemberState.UPDATED)
