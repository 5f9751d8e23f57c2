"""Consumption beside that of an earlier time."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from mbusheadend.judging.consumption import Consumption, Period
from mbusheadend.store import Store
from mbusheadend.views.consumed import Compared, consumed
from support.headend_messages import batch, enrol, reading
from support.headend_meters import ADDRESS, ENERGY, number_of, telegram

DAY = timedelta(days=1)
MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


async def counted(store: Store, *counters: tuple[datetime, int]) -> int:
    """Give the meter with these values of its counter, in kWh."""
    await enrol(store)
    readings = [
        reading(n + 1, ADDRESS, [telegram(energy=energy)], taken=taken)
        for n, (taken, energy) in enumerate(counters)
    ]
    await store.take("M1", batch(*readings), MONDAY)
    return await number_of(store)


async def test_days_are_compared_with_the_same_weekday(store: Store) -> None:
    counters = [(MONDAY + n * DAY, 10 * n * n) for n in range(15)]
    meter = await counted(store, *counters)
    week = MONDAY + 7 * DAY
    table = await consumed(store, meter, ENERGY, Period.DAY, "UTC", week, week + 7 * DAY)
    assert len(table.rows) == 7
    first = table.rows[0]
    assert first.before is not None
    assert first.before.since == MONDAY
    assert [first.used.amount, first.before.amount] == [150_000, 10_000]
    assert [first.change, first.share] == [140_000, 1400]
    assert table.total == 1_470_000
    assert table.total_before == 490_000


async def test_months_are_compared_with_those_of_a_year_before(store: Store) -> None:
    counters = [
        (datetime(year, month, 1, tzinfo=UTC), 100 * ((year - 2025) * 12 + month))
        for year in (2025, 2026)
        for month in range(1, 13)
    ]
    meter = await counted(store, *counters)
    table = await consumed(
        store,
        meter,
        ENERGY,
        Period.MONTH,
        "UTC",
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 31, tzinfo=UTC),
    )
    assert [row.used.since.month for row in table.rows] == [1, 2, 3]
    assert [row.before and row.before.since.year for row in table.rows] == [2025] * 3
    assert [row.change for row in table.rows] == [0, 0, 0]


async def test_in_the_zone_of_the_summer_days_keep_their_midnights(store: Store) -> None:
    meter = await counted(
        store, (datetime(2026, 3, 27, 23, tzinfo=UTC), 0), (datetime(2026, 3, 29, 22, tzinfo=UTC), 47)
    )
    table = await consumed(
        store, meter, ENERGY, Period.DAY, "Europe/Copenhagen",
        datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 12, tzinfo=UTC),
    )  # fmt: skip
    assert [row.used.until - row.used.since for row in table.rows] == [
        timedelta(hours=24),
        timedelta(hours=23),
    ]
    assert table.total == 47_000


async def test_the_period_that_runs_says_what_was_used_so_far(store: Store) -> None:
    meter = await counted(store, (MONDAY, 5), (MONDAY + DAY, 8), (MONDAY + DAY + timedelta(hours=6), 10))
    now = MONDAY + DAY + timedelta(hours=7)
    table = await consumed(store, meter, ENERGY, Period.DAY, "UTC", MONDAY, now)
    assert [row.used.amount for row in table.rows] == [3000, None]
    assert [row.so_far for row in table.rows] == [None, 2000]


async def test_too_many_periods_are_refused(store: Store) -> None:
    meter = await counted(store, (MONDAY, 5))
    with pytest.raises(ValueError, match="periods"):
        await consumed(store, meter, ENERGY, Period.DAY, "UTC", MONDAY - 500 * DAY, MONDAY)


def test_amounts_of_any_size_are_compared() -> None:
    def used(amount: str) -> Consumption:
        return Consumption(MONDAY, MONDAY + DAY, Decimal(amount), None, None, False, False)

    share = Compared(used("3.5E+38"), used("1E-45")).share
    assert share is not None
    assert share.adjusted() == 85
