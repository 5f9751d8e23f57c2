"""Expected against received in the last day, kept up as readings come."""

from datetime import timedelta
from typing import Final

from mbusheadend.fleet.day import LOOK_SECONDS, PLAN_SECONDS, DayCount
from mbusheadend.store import Assignment
from mbushosting.schedules import Every, Schedule
from support.headend_fleet import Bench
from support.headend_messages import START, batch, contact, enrol, listed, reading
from support.headend_meters import ADDRESS, OTHER, telegram

HOUR: Final = timedelta(hours=1)


async def expect_hourly(bench: Bench) -> None:
    await enrol(bench.store)
    await bench.store.put_schedule(
        Schedule(id="hourly", rule=Every(minutes=60)), Assignment(everybody=True), START
    )
    await bench.store.note_contact("M1", contact(meters=listed(ADDRESS, str(OTHER))), START)
    await bench.store.orders("M1", 0, "", START)


async def test_what_came_counts_for_its_master(at_desk: Bench) -> None:
    await expect_hourly(at_desk)
    store, day = at_desk.store, at_desk.desk.day
    at_desk.time = START + 2 * HOUR + timedelta(minutes=20)
    await store.take("M1", batch(reading(1, ADDRESS, [telegram()])), at_desk.time)
    view = await day.look()
    # The slots of 0, 1 and 2 o'clock, of two meters.
    assert view.total == view.masters["M1"] == DayCount(6, 1)
    assert (view.total.missing, view.total.percent) == (5, 16.6)
    await store.take("M1", batch(reading(2, str(OTHER), [telegram(OTHER)])), at_desk.time)
    assert (await day.look()).total == DayCount(6, 2)


async def test_what_was_read_twice_or_was_silent_counts_no_more_than_once(at_desk: Bench) -> None:
    await expect_hourly(at_desk)
    at_desk.time = START + timedelta(minutes=30)
    again = [reading(number, ADDRESS, [telegram(access=number)]) for number in range(1, 5)]
    silent = reading(9, str(OTHER))
    await at_desk.store.take("M1", batch(*again, silent), at_desk.time)
    assert (await at_desk.desk.day.look()).total == DayCount(2, 2)


async def test_what_is_due_just_now_is_not_missing_yet(at_desk: Bench) -> None:
    await expect_hourly(at_desk)
    at_desk.time = START + timedelta(minutes=10)
    view = await at_desk.desk.day.look()
    assert (view.total.expected, view.total.percent) == (0, None)


async def test_a_day_later_it_is_forgotten(at_desk: Bench) -> None:
    await expect_hourly(at_desk)
    day = at_desk.desk.day
    await at_desk.store.take("M1", batch(reading(1, ADDRESS, [telegram()])), START)
    at_desk.time = START + HOUR
    assert (await day.look()).total == DayCount(2, 1)
    at_desk.time = START + 25 * HOUR
    at_desk.seconds += PLAN_SECONDS
    assert (await day.look()).total == DayCount(48, 0)


async def test_a_glance_does_not_look_again_at_once(at_desk: Bench) -> None:
    await expect_hourly(at_desk)
    at_desk.time = START + HOUR
    first = await at_desk.desk.day.glance()
    assert first is await at_desk.desk.day.glance()
    at_desk.seconds += LOOK_SECONDS
    assert first is not await at_desk.desk.day.glance()
