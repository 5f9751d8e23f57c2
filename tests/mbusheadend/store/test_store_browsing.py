"""Lists of a big fleet come page by page, filtered and sorted; what ought to come is counted against what came."""

from datetime import timedelta
from typing import Any, Final

import pytest
from pydantic import ValidationError

from mbusheadend.alarms.alarm import AlarmKey, Raised
from mbusheadend.alarms.kinds import AlarmKind
from mbusheadend.store import Assignment, ChangedError, Store, StoreRefusedError, UnknownError
from mbusheadend.store.browsing import GroupKind, MasterFilter, MasterSort, MeterFilter, MeterSort
from mbushosting.contact import Command, CommandKind
from mbushosting.readings import Outcome
from mbushosting.schedules import Every, Schedule
from mbusweb.texts import Text
from support.headend_messages import START, batch, contact, enrol, listed, reading
from support.headend_meters import ADDRESS, OTHER, number_of, telegram

HOUR: Final = timedelta(hours=1)
WATER: Final = "100000012D2C0107"
HEAT: Final = "200000022D2C0104"
HOURLY: Final = Schedule(id="hourly", rule=Every(minutes=60))


async def serials(store: Store, **facts: Any) -> list[str]:
    page = await store.find_masters(MasterFilter(**facts))
    assert page.matching == len(page.masters)
    return [master.serial for master in page.masters]


async def identities(store: Store, **facts: Any) -> list[str]:
    page = await store.find_meters(MeterFilter(**facts))
    assert page.matching == len(page.meters)
    return [meter.identity for meter in page.meters]


async def fleet(store: Store) -> None:
    """Three masters, of which one never called; two meters at the first one, one at the second."""
    await enrol(store, "M1", "M2", "M3")
    await store.set_master("M2", name="mill", groups=("south",))
    await store.note_contact(
        "M1", contact("M1", meters=listed(WATER, status="answers") + listed(HEAT, status="silent")), START
    )
    await store.note_contact("M2", contact("M2", name="cellar", meters=listed("5")), START - HOUR)


async def test_masters_are_found_by_text_group_silence_and_alarm(store: Store) -> None:
    await fleet(store)
    assert await serials(store) == ["M1", "M2", "M3"]
    assert await serials(store, text="MILL") == ["M2"]
    assert await serials(store, text="cell") == ["M2"]
    assert await serials(store, text="%") == []
    assert await serials(store, group="south") == ["M2"]
    assert await serials(store, silent_since=START) == ["M2", "M3"]
    await store.note_alarms([Raised(AlarmKey(AlarmKind.BUS_FAULT, "M1"), Text("x"))], [], START)
    assert await serials(store, has_alarm=True) == ["M1"]
    assert await serials(store, has_alarm=False) == ["M2", "M3"]
    assert await store.alarms_at(["M1", "M2"]) == {"M1": 1}
    assert await store.meters_at(["M1", "M2", "M3"]) == {"M1": 2, "M2": 1}


async def test_masters_come_sorted_and_page_by_page(store: Store) -> None:
    await fleet(store)
    assert await serials(store, descending=True) == ["M3", "M2", "M1"]
    assert await serials(store, sort=MasterSort.CONTACT) == ["M3", "M2", "M1"]
    # Who has a name comes first, whichever way it is turned.
    assert await serials(store, sort=MasterSort.NAME) == ["M2", "M1", "M3"]
    assert await serials(store, sort=MasterSort.NAME, descending=True) == ["M2", "M3", "M1"]
    page = await store.find_masters(MasterFilter(), offset=1, limit=1)
    assert ([one.serial for one in page.masters], page.matching, page.total) == (["M2"], 3, 3)


async def test_meters_are_found_by_what_is_known_of_them(store: Store) -> None:
    await fleet(store)
    at_place = "M2/main/5"
    assert await identities(store) == [WATER, HEAT, at_place]
    assert await identities(store, text="2d2c") == [WATER, HEAT]
    assert await identities(store, master="M2") == [at_place]
    assert await identities(store, medium=7) == [WATER]
    assert await identities(store, status="silent") == [HEAT]
    number = await number_of(store, HEAT)
    await store.set_meter(number, name="Flat 4", note="cellar", groups=("heat",))
    assert await identities(store, text="flat") == [HEAT]
    assert await identities(store, group="heat", text="cellar") == [HEAT]
    await store.set_key(number, bytes(16))
    assert await identities(store, has_key=True) == [HEAT]
    assert await identities(store, sort=MeterSort.NAME) == [HEAT, WATER, at_place]
    assert await identities(store, sort=MeterSort.MASTER, descending=True) == [at_place, HEAT, WATER]
    await store.note_alarms([Raised(AlarmKey(AlarmKind.METER_SILENT, "M1", number), Text("x"))], [], START)
    assert await identities(store, has_alarm=True) == [HEAT]
    assert await store.alarms_of([number]) == {number: 1}
    choices = await store.meter_choices()
    assert (choices.media, choices.statuses) == ((4, 7), ("answers", "silent"))


async def test_meters_without_a_reading_lately_are_found(store: Store) -> None:
    await enrol(store)
    await store.take("M1", batch(reading(1, ADDRESS, [telegram()])), START)
    assert await identities(store, unread_since=START) == []
    assert await identities(store, unread_since=START + HOUR) == [ADDRESS]
    counts = await store.count_fleet(START, START + HOUR)
    assert (counts.masters, counts.never, counts.silent, counts.meters, counts.unread) == (1, 1, 0, 1, 1)


async def test_readings_that_wait_at_masters_are_counted(store: Store) -> None:
    await enrol(store, "M1", "M2")
    for serial, waiting in (("M1", 3), ("M2", 4)):
        await store.note_contact(serial, contact(serial, outbox={"waiting": waiting}), START)
    assert (await store.count_fleet(START, START)).waiting == 7


async def test_nothing_that_one_master_says_of_itself_hides_the_others(store: Store) -> None:
    await enrol(store, "M1", "M2")
    await store.note_contact("M1", contact("M1", outbox={"waiting": 3}), START)
    await store.note_contact(
        "M2", contact("M2", name="a\0b", outbox={"waiting": 10**12}, counters={"x\0": 2.0**60}), START
    )
    assert (await store.count_fleet(START, START)).waiting == 10**12 + 3
    assert (await store.find_masters(MasterFilter(text="M1"))).matching == 1
    with pytest.raises(ValidationError):
        contact("M2", outbox={"waiting": 1 << 63})


async def test_what_came_is_counted_against_what_ought_to_come(store: Store) -> None:
    await enrol(store)
    await store.put_schedule(HOURLY, Assignment(everybody=True), START)
    await store.note_contact("M1", contact(meters=listed(ADDRESS, str(OTHER))), START)
    await store.orders("M1", 0, "", START)
    (expected,) = await store.expected(START, START + 2 * HOUR)
    assert (expected.serial, expected.schedule, expected.meters) == ("M1", "hourly", 2)
    assert expected.slots == (START, START + HOUR)
    await store.take(
        "M1",
        batch(
            reading(1, ADDRESS, [telegram()]),
            reading(2, str(OTHER), [telegram(OTHER)]),
            reading(3, ADDRESS, taken=START + HOUR),
            reading(4, ADDRESS, [telegram(access=2)], taken=START + HOUR, slot=START - HOUR),
        ),
        START + HOUR,
    )
    came, last = await store.came(0, START)
    assert [(one.serial, one.schedule, one.slot, one.readings) for one in came] == [
        ("M1", "hourly", START, 2)
    ]
    assert await store.came(last, START) == ((), last)


async def test_counting_begins_with_what_came_at_a_time(store: Store) -> None:
    await enrol(store)
    assert await store.number_at(START) == 0
    for number in range(5):
        await store.take("M1", batch(reading(number, ADDRESS)), START + number * HOUR)
    _, last = await store.came(0, START)
    assert await store.number_at(START) == last - 5
    assert await store.number_at(START + 3 * HOUR) == last - 2
    assert await store.number_at(START + 9 * HOUR) == last


async def test_the_newest_arrivals_say_whose_they_are(store: Store) -> None:
    await enrol(store)
    await store.set_master("M1", name="mill", groups=())
    await store.take("M1", batch(reading(1, ADDRESS, [telegram()]), reading(2, ADDRESS)), START)
    newest, before = await store.newest_arrivals(2)
    assert (newest.number, newest.reading.outcome) == (before.number + 1, Outcome.SILENT)
    assert (before.identity, before.master_name, len(before.reading.decoded)) == (ADDRESS, "mill", 1)


async def test_what_a_command_brought_is_the_last_attempt_of_each_meter(store: Store) -> None:
    await enrol(store, "M1", "M2")
    for serial in ("M1", "M2"):
        await store.add_command(serial, Command(id="now", kind=CommandKind.READ), START)
    assert [one.master for one in await store.command_everywhere("now")] == ["M1", "M2"]
    assert await store.brought("M1", "now", START) == ()
    await store.take(
        "M1",
        batch(
            reading(1, ADDRESS, schedule="now"),
            reading(2, ADDRESS, [telegram()], schedule="now", taken=START + HOUR),
            reading(3, ADDRESS, [telegram()], taken=START + 2 * HOUR),
        ),
        START,
    )
    (got,) = await store.brought("M1", "now", START)
    assert (got.meter, got.outcome, got.taken) == (await number_of(store), Outcome.OK, START + HOUR)
    assert await store.brought("M2", "now", START) == ()


@pytest.mark.parametrize("kind", GroupKind)
async def test_groups_are_there_as_long_as_something_is_in_them(store: Store, kind: GroupKind) -> None:
    await fleet(store)
    members = ["M1", "M3"] if kind is GroupKind.MASTERS else [await number_of(store, WATER)]
    assert await store.join_group(kind, "new", [*members, *members]) == len(members)
    assert await store.join_group(kind, "new", members) == 0
    assert (await store.groups(kind))["new"] == len(members)
    assert await store.leave_group(kind, "new", members) == len(members)
    assert "new" not in await store.groups(kind)
    with pytest.raises(StoreRefusedError):
        await store.join_group(kind, "a\nb", members)


async def test_a_group_is_renamed_where_schedules_name_it_too(store: Store) -> None:
    await fleet(store)
    await store.put_schedule(HOURLY, Assignment(groups=frozenset(("south",))), START)
    await store.join_group(GroupKind.MASTERS, "north", ["M1", "M2"])
    assert await store.rename_group(GroupKind.MASTERS, "south", "north") == 1
    assert await store.groups(GroupKind.MASTERS) == {"north": 2}
    (schedule,) = await store.schedules()
    assert schedule.assignment.groups == {"north"}
    assert await store.rename_group(GroupKind.MASTERS, "north", "north") == 2
    assert await store.groups(GroupKind.MASTERS) == {"north": 2}
    with pytest.raises(UnknownError):
        await store.rename_group(GroupKind.MASTERS, "south", "west")


async def test_who_waits_for_orders_hears_of_a_group_that_touches_it(store: Store) -> None:
    await fleet(store)
    for kind, member in ((GroupKind.MASTERS, "M1"), (GroupKind.METERS, await number_of(store, HEAT))):
        with store.changes.watch("M1") as here, store.changes.watch("M2") as elsewhere:
            await store.join_group(kind, "x", [member])
            assert (here.is_set(), elsewhere.is_set()) == (True, False)
            here.clear()
            await store.rename_group(kind, "x", "y")
            assert (here.is_set(), elsewhere.is_set()) == (True, False)
            here.clear()
            await store.leave_group(kind, "y", [member])
            assert (here.is_set(), elsewhere.is_set()) == (True, False)


async def test_a_schedule_that_somebody_else_has_changed_is_not_overwritten(store: Store) -> None:
    everybody = Assignment(everybody=True)
    await store.put_schedule(HOURLY, everybody, START, known=0)
    await store.put_schedule(HOURLY, everybody, START, known=1)
    for known in (0, 1, 3):
        with pytest.raises(ChangedError):
            await store.put_schedule(HOURLY, everybody, START, known=known)
    await store.delete_schedule("hourly")
    with pytest.raises(ChangedError):
        await store.put_schedule(HOURLY, everybody, START, known=2)
