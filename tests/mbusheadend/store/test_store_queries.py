"""Series page by page, consumption in a zone, and what is missing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from mbusheadend.judging.consumption import Period
from mbusheadend.judging.points import Point
from mbusheadend.store import Assignment, Gap, Store
from mbusheadend.store.readings import Cursor
from mbushosting.readings import Outcome
from mbushosting.schedules import Calendar, Every, Schedule
from support.headend_messages import LATER, SERIAL, START, batch, contact, enrol, listed, reading
from support.headend_meters import ADDRESS, ENERGY, OTHER, number_of, telegram

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
EACH_HOUR: Final = Every(minutes=60)


async def fill(store: Store, hours: range, *, missing: frozenset[int] = frozenset()) -> int:
    await enrol(store)
    slots = {hour: START + hour * HOUR for hour in hours if hour not in missing}
    readings = [
        reading(hour + 1, ADDRESS, [telegram(energy=hour)], taken=slot + timedelta(seconds=20), slot=slot)
        for hour, slot in slots.items()
    ]
    for begin in range(0, len(readings), 250):
        await store.take(SERIAL, batch(*readings[begin : begin + 250]), START + 60 * DAY)
    return await number_of(store)


async def test_a_series_comes_page_by_page_whole_and_in_order(store: Store) -> None:
    meter = await fill(store, range(100))
    points: list[Point] = []
    after: Cursor | None = None
    while True:
        page = await store.series(meter, ENERGY, START + 10 * HOUR, START + 90 * HOUR, after=after, limit=7)
        points.extend(page.points)
        after = page.after
        if after is None:
            break
    assert [point.value for point in points] == [hour * 1000 for hour in range(10, 90)]
    assert points[0].taken == START + 10 * HOUR + timedelta(seconds=20)


async def test_a_time_without_readings_is_empty(store: Store) -> None:
    meter = await fill(store, range(3))
    for since in (START - 400 * DAY, START + DAY):
        assert (await store.readings(meter, since, since + DAY)).readings == ()
    assert (await store.readings(999, START, START + DAY)).readings == ()


async def test_the_registers_of_a_meter_are_all_that_it_ever_had(store: Store) -> None:
    meter = await fill(store, range(3))
    assert await store.registers(meter) == (ENERGY,)
    (first,) = (await store.readings(meter, START, START + HOUR)).readings
    assert first.value(ENERGY) == 0
    assert first.value(ENERGY._replace(tariff=1)) is None


async def test_consumption_of_days_in_a_zone_adds_up_over_the_change_of_clocks(store: Store) -> None:
    meter = await fill(store, range(24 * 40))
    zone = ZoneInfo("Europe/Copenhagen")
    since = datetime(2026, 12, 1, tzinfo=zone)
    days = await store.consumption(meter, ENERGY, Period.DAY, zone.key, since, since + 7 * DAY)
    assert [day.amount for day in days] == [24000] * 7
    assert days[0].since == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert all(day.is_interpolated for day in days)
    (week,) = await store.consumption(meter, ENERGY, Period.WEEK, zone.key, since, since + HOUR)
    assert (week.since, week.amount) == (datetime(2026, 11, 29, 23, tzinfo=UTC), Decimal(168000))


async def test_consumption_reaches_over_a_gap_and_stops_where_nothing_is_known(store: Store) -> None:
    meter = await fill(store, range(24 * 5), missing=frozenset(range(20, 80)))
    days = await store.consumption(meter, ENERGY, Period.DAY, "UTC", START - DAY, START + 6 * DAY)
    assert [day.amount for day in days][2:5] == [24000, 24000, 24000]
    assert [day.amount is None for day in days] == [True, True, False, False, False, True, True]
    with pytest.raises(ValueError, match="zone"):
        await store.consumption(meter, ENERGY, Period.DAY, "Europe/Atlantis", START, START + DAY)


async def expect(store: Store, rule: Every | Calendar = EACH_HOUR) -> None:
    await enrol(store)
    await store.note_contact(SERIAL, contact(meters=listed(ADDRESS, str(OTHER))), START - DAY)
    await store.put_schedule(Schedule(id="hourly", rule=rule), Assignment(everybody=True), START - DAY)
    await store.orders(SERIAL, 0, "", START)


async def test_gaps_are_the_slots_without_a_sound_reading(store: Store) -> None:
    await expect(store)
    slots = {hour: START + hour * HOUR for hour in range(24)}
    there = [
        reading(hour + 1, ADDRESS, [telegram()], taken=slot + timedelta(minutes=9), slot=slot)
        for hour, slot in slots.items()
        if hour not in (3, 4, 9, 23)
    ]
    silent = [reading(100 + hour, ADDRESS, taken=slots[hour], slot=slots[hour]) for hour in (4, 9)]
    made_up = [reading(200, ADDRESS, [telegram()], taken=slots[20], slot=slots[9])]
    await store.take(SERIAL, batch(*there, *silent, *made_up), START + DAY)
    one, other = await number_of(store), await number_of(store, str(OTHER))
    found = {each.meter: each for each in await store.completeness(START, START + DAY, serial=SERIAL)}
    assert (found[one].expected, found[one].received) == (24, 21)
    assert found[one].gaps == (
        Gap(one, "hourly", slots[3], slots[4], 2, Outcome.SILENT),
        Gap(one, "hourly", slots[23], slots[23], 1, None),
    )
    assert found[other].gaps == (Gap(other, "hourly", slots[0], slots[23], 24, None),)
    assert [each.meter for each in await store.completeness(START, START + DAY, meters=[other])] == [other]


async def test_only_what_was_in_force_is_expected(store: Store) -> None:
    await expect(store)
    await store.put_schedule(
        Schedule(id="hourly", rule=Every(minutes=120)), Assignment(everybody=True), START + 6 * HOUR
    )
    await store.orders(SERIAL, 1, "", START + 6 * HOUR)
    await store.note_contact(SERIAL, contact(meters=listed(ADDRESS)), START + 12 * HOUR)
    one, other = await number_of(store), await number_of(store, str(OTHER))
    found = {each.meter: each.expected for each in await store.completeness(START, START + DAY)}
    assert found == {one: 6 + 9, other: 6 + 3}
    await store.delete_schedule("hourly")
    await store.orders(SERIAL, 2, "", START + DAY)
    assert await store.completeness(START + DAY, START + 2 * DAY) == ()


async def test_slots_of_a_calendar_are_expected_in_its_zone(store: Store) -> None:
    await expect(store, Calendar(zone="Asia/Kolkata", times=(60,)))
    found = await store.completeness(START, START + 2 * DAY, meters=[await number_of(store)])
    assert found[0].gaps[0].first == START + timedelta(hours=19, minutes=30)
    assert found[0].expected == 2


async def test_readings_of_clocks_that_are_centuries_wrong_are_found(store: Store) -> None:
    years = (1900, 1969, 1970, 2026, 8999)
    days = ((1, 1), (12, 31))
    taken = [datetime(year, month, day, 23, 59, tzinfo=UTC) for year in years for month, day in days]
    await enrol(store)
    await store.take(SERIAL, batch(*(reading(n, "5", taken=at) for n, at in enumerate(taken))), LATER)
    (meter,) = await store.meters()
    first, last = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
    assert [one.taken for one in (await store.readings(meter.id, first, last)).readings] == taken
    page = await store.readings(meter.id, taken[3] - HOUR, taken[3] + HOUR)
    assert [one.taken for one in page.readings] == [taken[3]]
    page = await store.readings(meter.id, taken[3] - HOUR, taken[3] + timedelta(minutes=1))
    assert [one.taken for one in page.readings] == [taken[3]]
    await store.delete_meter(meter.id)
    assert (await store.extent()).newest is None
