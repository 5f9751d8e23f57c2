"""What a master is told: schedules once for each change, commands until there is a result."""

import asyncio
from datetime import timedelta

import pytest

from mbusheadend.store import Assignment, CommandState, Store, UnknownError
from mbushosting.contact import Command, CommandKind
from mbushosting.parts import MeterName
from mbushosting.schedules import Every, Schedule
from support.headend_messages import SERIAL, START, contact, enrol, listed

ONE, TWO = "123456782D2C1904", "123456792D2C1904"
EVERYBODY = Assignment(everybody=True)


def hourly(id: str = "hourly", minutes: int = 60) -> Schedule:
    return Schedule(id=id, rule=Every(minutes=minutes))


async def ids(store: Store, serial: str) -> list[str]:
    orders = await store.orders(serial, 0, "", START)
    return [schedule.id for schedule in orders.schedules or ()]


async def test_schedules_are_told_once_for_each_change(store: Store) -> None:
    await enrol(store)
    await store.put_schedule(hourly(), EVERYBODY, START)
    first = await store.orders(SERIAL, 0, "", START)
    assert first.schedules is not None
    assert [schedule.version for schedule in first.schedules] == [1]
    again = await store.orders(SERIAL, first.version, "", START)
    assert (again.version, again.schedules) == (first.version, None)
    await store.put_schedule(hourly(minutes=30), EVERYBODY, START)
    changed = await store.orders(SERIAL, first.version, "", START)
    assert changed.version > first.version
    assert changed.schedules == (hourly(minutes=30).model_copy(update={"version": 2}),)
    await store.delete_schedule("hourly")
    assert (await store.orders(SERIAL, changed.version, "", START)).schedules == ()


async def test_a_schedule_reaches_the_masters_and_groups_that_it_is_for(store: Store) -> None:
    await enrol(store, "M1", "M2", "M3")
    await store.set_master("M2", name="", groups=["north"])
    await store.put_schedule(hourly("a"), Assignment(masters=frozenset({"M1"})), START)
    await store.put_schedule(hourly("b"), Assignment(groups=frozenset({"north"})), START)
    await store.put_schedule(hourly("c"), EVERYBODY, START)
    assert [await ids(store, serial) for serial in ("M1", "M2", "M3")] == [["a", "c"], ["b", "c"], ["c"]]
    await store.set_master("M3", name="", groups=["north"])
    assert await ids(store, "M3") == ["b", "c"]


async def test_a_schedule_for_meters_names_them_where_they_are_and_follows_them(store: Store) -> None:
    await enrol(store, "M1", "M2")
    await store.note_contact("M1", contact("M1", meters=listed(ONE, TWO, last_seen=START)), START)
    one, two = await store.meters("M1")
    await store.set_meter(two.id, name="", note="", groups=["water"])
    chosen = Assignment(everybody=True, meters=frozenset({one.id}), meter_groups=frozenset({"water"}))
    await store.put_schedule(hourly(), chosen, START)
    (schedule,) = (await store.orders("M1", 0, "", START)).schedules or ()
    assert schedule.meters == (MeterName(bus="main", address=ONE), MeterName(bus="main", address=TWO))
    assert await ids(store, "M2") == []
    seen = START + timedelta(hours=1)
    await store.note_contact("M2", contact("M2", meters=listed(TWO, last_seen=seen)), seen)
    (here,) = (await store.orders("M1", 0, "", START)).schedules or ()
    (there,) = (await store.orders("M2", 0, "", START)).schedules or ()
    assert (here.meters, there.meters) == (schedule.meters[:1], schedule.meters[1:])


async def test_a_command_is_told_until_there_is_a_result(store: Store) -> None:
    await enrol(store)
    command = Command(id="c1", kind=CommandKind.READ, meters=(MeterName(bus="main", address=ONE),))
    await store.add_command(SERIAL, command, START)
    await store.add_command(SERIAL, command, START)
    for _ in range(2):
        assert (await store.orders(SERIAL, 0, "", START)).commands == (command,)
        assert (await store.command(SERIAL, "c1")).state is CommandState.SENT
    result = {"id": "c1", "outcome": "failed", "detail": "bus down"}
    facts = await store.note_contact(SERIAL, contact(results=[result]), START)
    assert facts.results == ("c1",)
    (stored,) = await store.commands(SERIAL)
    assert (stored.state, stored.detail) == (CommandState.FAILED, "bus down")
    assert (await store.orders(SERIAL, 0, "", START)).commands == ()


async def test_a_command_expires_or_is_cancelled(store: Store) -> None:
    await enrol(store)
    expires = START + timedelta(minutes=1)
    await store.add_command(SERIAL, Command(id="c1", kind=CommandKind.CONTACT, expires=expires), START)
    await store.add_command(SERIAL, Command(id="c2", kind=CommandKind.CONTACT), START)
    await store.cancel_command(SERIAL, "c2", START)
    assert (await store.orders(SERIAL, 0, "", expires)).commands == ()
    states = {stored.command.id: stored.state for stored in await store.commands(SERIAL)}
    assert states == {"c1": CommandState.EXPIRED, "c2": CommandState.CANCELLED}
    with pytest.raises(UnknownError):
        await store.cancel_command(SERIAL, "c2", START)


async def test_whoever_waits_hears_of_new_orders_and_nobody_else_does(store: Store) -> None:
    await enrol(store, "M1", "M2")
    with store.changes.watch("M1") as one, store.changes.watch("M2") as two:
        await store.put_schedule(hourly(), Assignment(masters=frozenset({"M1"})), START)
        await asyncio.wait_for(one.wait(), 5)
        assert not two.is_set()
        one.clear()
        await store.put_schedule(hourly(), Assignment(masters=frozenset({"M2"})), START)
        await asyncio.wait_for(one.wait(), 5)
        await asyncio.wait_for(two.wait(), 5)
        two.clear()
        await store.add_command("M2", Command(id="c", kind=CommandKind.CONTACT), START)
        await asyncio.wait_for(two.wait(), 5)
