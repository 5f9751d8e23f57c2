"""Few values of many readings, and completeness between edges: the same that whole readings give."""

from datetime import timedelta
from itertools import pairwise

import pytest

from mbusheadend.store import Store, StoredReading
from mbusheadend.store.viewing import Track
from support.headend_messages import START, batch, enrol, reading
from support.headend_meters import ADDRESS, ENERGY, number_of, telegram
from support.headend_year import fill

DAY = timedelta(days=1)


async def filled(store: Store, days: int = 3) -> None:
    await fill(store, START, START + days * DAY, slugs=("multical-403", "multical-603-two-telegrams"))


async def test_tracks_say_what_readings_say(store: Store) -> None:
    await filled(store, 1)
    for meter in await store.meters():
        registers = (await store.registers(meter.id))[::3]
        page = await store.tracks(meter.id, registers, START, START + DAY)
        readings = [
            one for one in (await store.readings(meter.id, START, START + DAY)).readings if one.decoded
        ]
        assert [track.taken for track in page.tracks] == [one.taken for one in readings]
        assert [track.clock for track in page.tracks] == [one.clock for one in readings]
        for track, one in zip(page.tracks, readings, strict=True):
            assert track.values == tuple(one.value(register) for register in registers)


async def test_tracks_come_page_by_page_and_each_once(store: Store) -> None:
    await filled(store, 1)
    meter = (await store.meters())[0].id
    whole = (await store.tracks(meter, (ENERGY,), START, START + DAY)).tracks
    found: list[Track] = []
    after, pages = None, 0
    while pages == 0 or after is not None:
        page = await store.tracks(meter, (ENERGY,), START, START + DAY, after=after, limit=5)
        found += page.tracks
        after, pages = page.after, pages + 1
    assert tuple(found) == whole
    assert pages == 5


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_readings_come_backwards_page_by_page(store: Store, limit: int) -> None:
    await filled(store, 2)
    meter = (await store.meters())[0].id
    forwards = (await store.readings(meter, START, START + 2 * DAY, with_raw=False)).readings
    found: list[StoredReading] = []
    before = None
    while True:
        page = await store.readings_back(meter, START, START + 2 * DAY, before=before, limit=limit)
        found += page.readings
        before = page.after
        if before is None:
            break
    assert found == list(reversed(forwards))


async def test_readings_taken_at_the_same_moment_are_not_lost_between_pages(store: Store) -> None:
    await enrol(store)
    await store.take("M1", batch(*(reading(n + 1, ADDRESS, [telegram(energy=n)]) for n in range(5))), START)
    meter = await number_of(store)
    found: list[str] = []
    before = None
    while True:
        page = await store.readings_back(meter, START, START + DAY, before=before, limit=2)
        found += [one.id for one in page.readings]
        before = page.after
        if before is None:
            break
    assert sorted(found) == [f"{n + 1:032x}" for n in range(5)]


async def test_counts_between_edges_add_up_to_the_completeness_of_all(store: Store) -> None:
    await filled(store)
    edges = [START + n * DAY for n in range(4)]
    counts = await store.counts(edges)
    whole = await store.completeness(START, START + 3 * DAY)
    assert set(counts) == {one.meter for one in whole}
    for one in whole:
        assert sum(count.expected for count in counts[one.meter]) == one.expected == 72
        assert sum(count.received for count in counts[one.meter]) == one.received
    for place, (since, until) in enumerate(pairwise(edges)):
        for one in await store.completeness(since, until):
            assert (counts[one.meter][place].expected, counts[one.meter][place].received) == (
                one.expected,
                one.received,
            )


async def test_counts_are_of_the_meters_that_are_wanted(store: Store) -> None:
    await filled(store, 1)
    first, second = await store.meters()
    assert set(await store.counts([START, START + DAY], meters=(second.id,))) == {second.id}
    assert set(await store.counts([START, START + DAY], serial="M1")) == {first.id, second.id}
    assert await store.counts([START, START + DAY], serial="M2") == {}
