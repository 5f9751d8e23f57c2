"""Rings, hours and offers of rollouts."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from mbusheadend.rollout.offers import Standing, Word, word
from mbusheadend.rollout.plan import Hours, Plan, Ring
from mbusheadend.rollout.rings import dealt
from mbusheadend.rollout.state import Member, MemberState, RolloutState
from mbusheadend.rollout.window import open_until, opens_at


def plan(*rings: Ring, groups: tuple[str, ...] = ()) -> Plan:
    return Plan(release=42, rings=rings, groups=groups)


def counts(members: tuple[Member, ...]) -> list[int]:
    last = max((one.ring for one in members), default=-1)
    return [sum(one.ring == number for one in members) for number in range(last + 1)]


FLEET = {f"M{number}": {"test"} if number < 5 else {"north"} for number in range(1000)}


def test_a_group_first_then_percentages_of_all() -> None:
    wanted = plan(Ring(groups=("test",)), Ring(percent=1), Ring(percent=10), Ring(percent=100))
    members = dealt(wanted, FLEET, "a1", {})
    assert counts(members) == [5, 5, 90, 900]
    assert {one.serial for one in members if one.ring == 0} == {f"M{number}" for number in range(5)}
    assert dealt(wanted, FLEET, "a1", {}) == members
    assert dealt(wanted, FLEET, "b2", {}) != members


def test_numbers_of_masters_and_those_that_no_ring_takes() -> None:
    assert counts(dealt(plan(Ring(count=3), Ring(count=10)), FLEET, "a1", {})) == [3, 10]
    assert counts(dealt(plan(Ring(percent=100), groups=("test",)), FLEET, "a1", {})) == [5]
    assert counts(dealt(plan(Ring(percent=0.01)), FLEET, "a1", {})) == [1]


def test_a_master_that_comes_later_gets_the_last_ring() -> None:
    wanted = plan(Ring(groups=("test",)), Ring(percent=100))
    known = {one.serial: one for one in dealt(wanted, FLEET, "a1", {})}
    (new,) = dealt(wanted, {**FLEET, "new": {"test"}}, "a1", known)
    assert (new.serial, new.ring) == ("new", 1)
    assert dealt(plan(Ring(count=3)), {"new": set()}, "a1", known) == ()


@pytest.mark.parametrize("ring", [{}, {"percent": 1, "count": 2}, {"groups": ["a"], "count": 1}])
def test_a_ring_says_in_one_way_which_masters(ring: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="a ring has either"):
        Ring.model_validate(ring)


NIGHT = Hours(zone="Europe/Copenhagen", weekdays=frozenset({5}), begin=22 * 60, end=4 * 60)
FRIDAY = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hour", "is_open"), [(20.9, False), (21, True), (24, True), (26.9, True), (27, False)]
)
def test_hours_may_go_over_midnight(hour: float, is_open: bool) -> None:
    until = open_until(NIGHT, FRIDAY + timedelta(hours=hour))
    assert until == (FRIDAY + timedelta(hours=27) if is_open else None)


def test_when_hours_begin_again() -> None:
    assert opens_at(NIGHT, FRIDAY) == FRIDAY + timedelta(hours=21)
    assert opens_at(NIGHT, FRIDAY + timedelta(hours=28)) == FRIDAY + timedelta(days=7, hours=21)
    assert opens_at(NIGHT, FRIDAY + timedelta(hours=22)) == FRIDAY + timedelta(hours=22)
    assert open_until(Hours(), FRIDAY) is not None


def test_where_the_clock_is_set_the_hours_follow_the_wall() -> None:
    summer = Hours(zone="Europe/Copenhagen", begin=120, end=180)
    changes = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert open_until(summer, changes) is not None


@pytest.mark.parametrize(
    ("state", "member", "given"),
    [
        (RolloutState.DRAFT, None, False),
        (RolloutState.RUNNING, None, False),
        (RolloutState.RUNNING, MemberState.WAITING, False),
        (RolloutState.RUNNING, MemberState.ASKED, True),
        (RolloutState.RUNNING, MemberState.REFUSED, False),
        (RolloutState.PAUSED, MemberState.ASKED, True),
        (RolloutState.STOPPED, MemberState.ASKED, False),
        (RolloutState.CANCELLED, MemberState.UPDATED, False),
        (RolloutState.FINISHED, MemberState.ABSENT, True),
    ],
)
def test_a_release_in_a_rollout_is_offered_to_those_it_has_reached(
    state: RolloutState, member: MemberState | None, given: bool
) -> None:
    said = word([Standing(42, state, member)], rollouts_only=False)
    assert said.allows(42, else_offered=True) is given
    assert said.allows(41, else_offered=True)
    assert not said.allows(41, else_offered=False)


def test_where_only_rollouts_offer_nothing_else_is_offered() -> None:
    assert not word((), rollouts_only=True).allows(42, else_offered=True)
    finished = [Standing(42, RolloutState.FINISHED, MemberState.UPDATED)]
    assert word(finished, rollouts_only=True).allows(42, else_offered=False)
    outside = [Standing(42, RolloutState.FINISHED, None)]
    assert not word(outside, rollouts_only=True).allows(42, else_offered=True)


def test_of_two_rollouts_of_a_release_the_one_that_gives_it_counts() -> None:
    both = [
        Standing(42, RolloutState.CANCELLED, MemberState.WAITING),
        Standing(42, RolloutState.RUNNING, MemberState.ASKED),
    ]
    assert word(both, rollouts_only=False) == Word(frozenset({42}))
