"""The first sight: who is missing, what came, and what to do next."""

from datetime import timedelta

from mbusheadend.fleet.overview import Step, overview
from mbusheadend.store import Assignment
from mbushosting.schedules import Every, Schedule
from support.headend_fleet import Bench
from support.headend_messages import START, batch, contact, enrol, listed, reading
from support.headend_meters import ADDRESS, telegram


async def test_it_says_what_to_do_next_until_readings_come(at_desk: Bench) -> None:
    store, desk = at_desk.store, at_desk.desk

    async def step() -> Step | None:
        return (await overview(desk, 0)).step

    assert await step() is Step.MAKE_TOKEN
    await store.add_token(b"1", START + timedelta(days=1), "", START)
    assert await step() is Step.ENROL
    await enrol(store)
    assert await step() is Step.FIND_METERS
    await store.note_contact("M1", contact(meters=listed(ADDRESS)), START)
    assert await step() is Step.MAKE_SCHEDULE
    await store.put_schedule(Schedule(id="x", rule=Every(minutes=60)), Assignment(everybody=True), START)
    assert await step() is Step.WAIT
    await store.take("M1", batch(reading(1, ADDRESS, [telegram()])), START)
    assert await step() is None


async def test_it_names_who_should_have_called(at_desk: Bench) -> None:
    await enrol(at_desk.store, "M1", "M2", "M3")
    await at_desk.store.note_contact("M1", contact("M1"), START)
    await at_desk.store.note_contact("M2", contact("M2"), START - timedelta(hours=1))
    seen = await overview(at_desk.desk, 1)
    assert (seen.calling, seen.counts.silent, seen.counts.never, seen.connected) == (1, 1, 1, 1)
    assert [row.master.serial for row in seen.silent] == ["M2", "M3"]
