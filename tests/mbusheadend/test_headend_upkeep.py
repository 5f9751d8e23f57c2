"""Looking after the store in the background."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from mbusheadend.decoding.telegrams import DECODER
from mbusheadend.settings import Keep
from mbusheadend.state import KEY_FILE, open_store
from mbusheadend.store import Store, StoreError
from mbusheadend.upkeep import IDLE_DAYS, SHRINKING, Upkeep, UpkeepReport, decode_meter_again, months_before
from mbusweb.texts import NO_TEXT
from support.headend_messages import LATER, SERIAL, START, batch, enrol, reading
from support.headend_meters import ADDRESS, ENERGY, KEY, encrypted, number_of, telegram

DAY: Final = timedelta(days=1)
YEARS: Final = 365 * 3


async def no_pause(seconds: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture
async def store(tmp_path: Path) -> Store:
    store = open_store(tmp_path)
    await enrol(store)
    return store


async def fill(store: Store, days: int = YEARS, step: int = 5) -> int:
    """Store a reading every few days, each received as soon as it was taken."""
    for day in range(0, days, step):
        at = START + day * DAY
        one = reading(day + 1, ADDRESS, [telegram(energy=day, access=day % 256)], taken=at)
        await store.take(SERIAL, batch(one), at)
    return await number_of(store)


def upkeep(store: Store, now: datetime, **keep: int) -> Upkeep:
    return Upkeep(store, Keep(**keep), lambda: now, no_pause)


async def ages(store: Store, meter: int) -> list[tuple[int, bool]]:
    """Give for each reading on which day it was taken and whether its raw telegram is there."""
    page = await store.readings(meter, START, START + 4000 * DAY, limit=10_000)
    return [((one.taken - START).days, one.telegrams is not None) for one in page.readings]


async def test_raw_telegrams_go_after_25_months_and_readings_stay_for_ever_unless_set_otherwise(
    store: Store,
) -> None:
    meter = await fill(store)
    end = START + YEARS * DAY
    report = await upkeep(store, end).turn()
    edge = (datetime(2027, 10, 22, tzinfo=UTC) - START).days
    assert months_before(end, 25) == datetime(2027, 10, 22, tzinfo=UTC)
    assert await ages(store, meter) == [(day, day >= edge) for day in range(0, YEARS, 5)]
    assert (report.raw, report.readings, report.error) == (len(range(0, edge, 5)), 0, "")
    assert (report.step, report.ended) == (NO_TEXT, end)
    store.close()


async def test_readings_of_more_years_than_set_go_and_the_room_is_given_back(store: Store) -> None:
    meter = await fill(store, step=1)
    before = await store.extent()
    report = await upkeep(store, START + YEARS * DAY, raw_months=0, reading_years=1).turn()
    kept = await ages(store, meter)
    assert all(has_raw for _, has_raw in kept)
    assert 365 <= len(kept) <= 366
    assert report.readings == YEARS - len(kept)
    assert report.freed > 0
    after = await store.extent()
    assert (after.size, after.unused) == (before.size - report.freed, 0)
    store.close()


async def test_a_clock_that_jumped_ahead_deletes_only_what_was_nearly_due(store: Store) -> None:
    meter = await fill(store, days=400)
    await upkeep(store, START + 20000 * DAY, raw_months=12, reading_years=1).turn()
    assert (await ages(store, meter))[0][0] <= 400 - 365 + IDLE_DAYS
    store.close()


async def test_what_another_decoder_made_is_made_again_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, days=2000, step=2)
    monkeypatch.setattr("mbusheadend.store.sql.upkeep.DECODER", DECODER + 1)
    worker = upkeep(store, START + 2000 * DAY, raw_months=0)
    assert (await worker.turn()).decoded == 1000
    assert (await worker.turn()).decoded == 0
    assert (await upkeep(store, LATER).turn()).decoded == 0
    store.close()


async def test_a_store_that_fails_is_told_and_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def full(pages: int = 1) -> int:
        raise StoreError("the disk is full")

    await fill(store, days=700, step=1)
    worker = upkeep(store, START + 2000 * DAY, reading_years=1)
    with monkeypatch.context() as patched:
        patched.setattr(store, "shrink", full)
        assert (await worker.turn()).error == "the disk is full"
    assert SHRINKING in caplog.text
    assert worker.report is not None
    assert worker.report.ended is not None
    assert (await worker.turn()).error == ""
    store.close()


async def test_keys_that_the_key_file_does_not_open_are_counted(tmp_path: Path, store: Store) -> None:
    await store.take(SERIAL, batch(reading(1, ADDRESS, [encrypted(5, 1)])), START)
    meter = await number_of(store)
    await store.set_key(meter, KEY)
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert await decode_meter_again(store, meter) == 1
    assert (await store.latest([meter]))[meter].value(ENERGY) == 5000
    assert (await upkeep(store, LATER).turn()).closed_keys == 0
    store.close()
    (tmp_path / KEY_FILE).unlink()
    store = open_store(tmp_path)
    assert (await upkeep(store, LATER).turn()).closed_keys == 1
    store.close()


async def test_a_turn_that_is_wanted_is_done_at_once(store: Store) -> None:
    turns: list[UpkeepReport] = []
    done = asyncio.Event()

    class Counted(Upkeep):
        async def turn(self) -> UpkeepReport:
            turns.append(await super().turn())
            done.set()
            return turns[-1]

    worker = Counted(store, Keep(), lambda: LATER, no_pause)
    running = asyncio.create_task(worker.run())
    for count in (1, 2):
        done.clear()
        worker.stir()
        async with asyncio.timeout(20):
            await done.wait()
        assert len(turns) == count
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    store.close()
