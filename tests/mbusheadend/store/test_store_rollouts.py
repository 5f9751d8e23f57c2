"""Rollouts and settings for the fleet, in every kind of store."""

from datetime import timedelta

import pytest

from mbusheadend.fleet.settings_order import SettingsForFleet
from mbusheadend.rollout.offers import Standing
from mbusheadend.rollout.plan import Plan, Ring
from mbusheadend.rollout.state import Member, MemberState, Rollout, RolloutState
from mbusheadend.store import ChangedError, CommandState, Store, UnknownError
from mbushosting.contact import Command, CommandKind, CommandResult
from mbushosting.firmware import UpdateOrder
from support.headend_messages import LATER, SERIAL, START, contact, enrol

PLAN = Plan(title="Autumn", release=42, rings=(Ring(count=1), Ring(percent=100)))


def rollout(id: str = "a1", **facts: object) -> Rollout:
    return Rollout(id=id, plan=PLAN, added=START, who="anna").model_copy(update=facts)


async def test_a_rollout_is_kept_with_its_masters(store: Store) -> None:
    put = await store.put_rollout(rollout(), [Member(serial="M2", ring=1), Member(serial="M1", ring=0)])
    assert put.version == 1
    assert await store.rollout("a1") == put
    assert [one.serial for one in await store.rollout_members("a1")] == ["M1", "M2"]
    assert [one.serial for one in await store.rollout_members("a1", 0)] == ["M1"]
    running = put.model_copy(update={"state": RolloutState.RUNNING, "began": LATER})
    asked = Member(serial="M1", ring=0, state=MemberState.ASKED, attempt=1, first_asked=START)
    again = await store.put_rollout(running, [asked])
    assert (again.version, (await store.rollout("a1")).began) == (2, LATER)
    assert await store.rollout_members("a1", None, [MemberState.ASKED]) == (asked,)
    assert await store.count_members("a1") == {
        (0, MemberState.ASKED): 1,
        (1, MemberState.WAITING): 1,
    }


async def test_of_two_who_change_a_rollout_the_second_is_told(store: Store) -> None:
    put = await store.put_rollout(rollout())
    await store.put_rollout(put, [Member(serial="M1", ring=0)])
    with pytest.raises(ChangedError):
        await store.put_rollout(put, [Member(serial="M2", ring=0)])
    with pytest.raises(ChangedError):
        await store.put_rollout(rollout())
    assert [one.serial for one in await store.rollout_members("a1")] == ["M1"]


async def test_rollouts_come_newest_first_and_are_forgotten(store: Store) -> None:
    await store.put_rollout(rollout())
    await store.put_rollout(rollout("b2", added=LATER), [Member(serial="M1", ring=0)])
    assert [one.id for one in await store.rollouts()] == ["b2", "a1"]
    await store.delete_rollout("b2")
    assert await store.rollout_members("b2") == ()
    for missing in (store.rollout("b2"), store.delete_rollout("b2")):
        with pytest.raises(UnknownError):
            await missing


async def test_what_masters_said_and_did_is_seen_of_the_rings_that_were_reached(store: Store) -> None:
    await enrol(store, "M1", "M2", "M3")
    told = Member(serial="M1", ring=0, state=MemberState.ASKED, attempt=2)
    put = await store.put_rollout(rollout(), [told, Member(serial="M2", ring=1), Member(serial="M3", ring=0)])
    await store.delete_master("M3", START)
    order = UpdateOrder(release=42)
    await store.add_command("M1", Command(id="rollout-a1-2", kind=CommandKind.UPDATE, update=order), START)
    result = CommandResult(id="rollout-a1-2", outcome="refused", detail="no room")
    await store.note_contact("M1", contact("M1", release="0041", updates="on", results=(result,)), LATER)
    seen = await store.seen_of_rollout(put)
    assert seen.keys() == {"M1"}
    one = seen["M1"]
    assert (one.last_contact, one.release, one.started, one.willing) == (LATER, 41, START, "on")
    assert (one.command, one.detail) == (CommandState.REFUSED, "no room")


async def test_a_master_that_was_never_heard_is_seen_as_such(store: Store) -> None:
    await enrol(store, "M1")
    put = await store.put_rollout(rollout(), [Member(serial="M1", ring=0)])
    one = (await store.seen_of_rollout(put))["M1"]
    assert (one.last_contact, one.release, one.command) == (None, 0, None)


async def test_how_a_master_stands_in_each_rollout(store: Store) -> None:
    assert await store.standings(SERIAL) == ()
    await store.put_rollout(rollout(state=RolloutState.RUNNING), [Member(serial=SERIAL, ring=0)])
    await store.put_rollout(rollout("b2"))
    assert set(await store.standings(SERIAL)) == {
        Standing(42, RolloutState.RUNNING, MemberState.WAITING),
        Standing(42, RolloutState.DRAFT, None),
    }


async def test_settings_for_the_fleet_are_kept_until_they_are_old(store: Store) -> None:
    order = SettingsForFleet(id="s1", values={"log.level": "debug"}, masters=("M1", "M2"), made=START)
    await store.put_fleet_settings(order)
    later = order.model_copy(update={"id": "s2", "made": LATER})
    await store.put_fleet_settings(later)
    assert await store.fleet_settings("s1") == order
    assert await store.all_fleet_settings() == (later, order)
    assert await store.forget_fleet_settings(START + timedelta(hours=1)) == 1
    with pytest.raises(UnknownError):
        await store.fleet_settings("s1")
