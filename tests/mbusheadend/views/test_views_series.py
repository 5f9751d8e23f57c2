"""Plots get few values, and lose no peak and no gap."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mbusheadend.filling.gaps import Filled, Source
from mbusheadend.store import Store
from mbusheadend.views.series import Mark, Sample, gaps_in, series_of
from mbushosting.readings import Outcome
from support.headend_messages import START, batch, enrol, reading
from support.headend_meters import ADDRESS, ENERGY, number_of, telegram

HOUR = timedelta(hours=1)


async def read(store: Store, count: int, energy: Callable[[int], int], left_out: Collection[int] = ()) -> int:
    await enrol(store)
    readings = [
        reading(n + 1, ADDRESS, [telegram(energy=energy(n))], taken=START + n * HOUR)
        for n in range(count)
        if n not in left_out
    ]
    for place in range(0, len(readings), 250):
        await store.take("M1", batch(*readings[place : place + 250]), START)
    return await number_of(store)


async def test_few_values_are_all_there_exactly(store: Store) -> None:
    meter = await read(store, 20, lambda n: 1000 + n)
    (series,) = await series_of(store, meter, (ENERGY,), START, START + 20 * HOUR, most=20)
    assert [one and one.value for one in series.samples] == [(1000 + n) * 1000 for n in range(20)]
    assert (series.count, series.is_cut) == (20, False)
    assert series.last == Sample(START + 19 * HOUR, 1_019_000)


async def test_of_many_values_the_peaks_stay_and_the_others_go(store: Store) -> None:
    peaks = {137: 90_000, 411: 1}
    meter = await read(store, 600, lambda n: peaks.get(n, 5000 + n % 7))
    (series,) = await series_of(store, meter, (ENERGY,), START, START + 600 * HOUR, most=60)
    assert len(series.samples) <= 61
    values = {one.value for one in series.samples if one}
    assert {90_000_000, 1000} <= values
    assert (series.smallest and series.smallest.value, series.largest and series.largest.value) == (
        1000,
        90_000_000,
    )
    assert series.count == 600


async def test_a_missing_reading_is_a_gap(store: Store) -> None:
    meter = await read(store, 40, lambda n: n, {10, 25, 26, 27})
    (series,) = await series_of(store, meter, (ENERGY,), START, START + 40 * HOUR)
    places = [place for place, one in enumerate(series.samples) if one is None]
    assert [series.samples[place - 1].taken for place in places] == [START + 9 * HOUR, START + 24 * HOUR]  # type: ignore[union-attr]


async def test_a_gap_that_is_wider_than_a_part_stays_when_values_are_left_out(store: Store) -> None:
    meter = await read(store, 400, lambda n: n, set(range(200, 260)))
    (series,) = await series_of(store, meter, (ENERGY,), START, START + 400 * HOUR, most=40)
    assert sum(one is None for one in series.samples) == 1


async def test_what_is_to_be_doubted_is_marked(store: Store) -> None:
    await enrol(store)
    good, doubtful, silent = (
        reading(1, ADDRESS, [telegram(energy=1)], taken=START),
        reading(2, ADDRESS, [telegram(energy=2)], taken=START + HOUR, clock="doubtful"),
        reading(3, ADDRESS, taken=START + 2 * HOUR, outcome=Outcome.SILENT),
    )
    await store.take("M1", batch(good, doubtful, silent), START)
    (series,) = await series_of(store, await number_of(store), (ENERGY,), START, START + 3 * HOUR)
    assert [one and one.marks for one in series.samples] == [(), (Mark.CLOCK,)]


async def test_values_out_of_the_memory_stand_where_they_belong(store: Store) -> None:
    meter = await read(store, 6, lambda n: n, {3})
    filled = Filled(
        meter, "hourly", START + 3 * HOUR, Source.MEMORY, "0" * 32, START, 1, False, ((ENERGY, 2500),)
    )
    await store.put_filled((filled,))
    (series,) = await series_of(store, meter, (ENERGY,), START, START + 6 * HOUR)
    assert [(one.value, one.marks) for one in series.samples if one][3] == (2500, (Mark.MEMORY,))
    assert None not in series.samples


async def test_a_time_without_readings_gives_nothing(store: Store) -> None:
    meter = await read(store, 3, lambda n: n)
    (series,) = await series_of(store, meter, (ENERGY,), START - 9 * HOUR, START)
    assert (series.samples, series.count, series.last) == ((), 0, None)


@given(st.integers(10, 200), st.integers(1, 100_000), st.integers(0, 100))
def test_regular_times_have_no_gap_however_much_they_jitter(count: int, seconds: int, jitter: int) -> None:
    times = [
        START + timedelta(seconds=n * seconds + (n * 37 % 11) / 10 * seconds * jitter / 100 * 0.5)
        for n in range(count)
    ]
    assert list(gaps_in(sorted(times))) == []


def test_a_change_from_hours_to_days_is_no_row_of_gaps() -> None:
    hours: list[datetime] = [START + n * HOUR for n in range(48)]
    days = [hours[-1] + n * timedelta(days=1) for n in range(1, 30)]
    assert len(list(gaps_in([*hours, *days]))) <= 9
