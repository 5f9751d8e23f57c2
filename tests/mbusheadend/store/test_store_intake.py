"""Batches are taken in once and whole; no reading is lost, doubled or given to the wrong meter."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import pytest

from mbus.application.telegram import decode_telegram
from mbusheadend.decoding.values import measured_of
from mbusheadend.store import Place, Store, StoreError, UnknownError, WrongOwnerError
from mbushosting.readings import Outcome
from support.headend_messages import LATER, SERIAL, START, batch, contact, enrol, listed, reading
from support.headend_meters import ADDRESS, OTHER, number_of, telegram
from support.needs import SHARED
from support.telegrams import read_hex

HOUR: Final = timedelta(hours=1)


async def ids(store: Store, meter: int) -> list[int]:
    page = await store.readings(meter, START - timedelta(days=400), START + timedelta(days=400))
    return [int(one.id, 16) for one in page.readings]


async def test_a_reading_comes_back_as_it_was_delivered(store: Store) -> None:
    await enrol(store)
    frame = read_hex(SHARED / "telegrams" / "good" / "kamstrup_multical_601.hex")
    address = str(decode_telegram(frame).secondary)
    facts = {
        "taken": START + timedelta(seconds=7),
        "slot": START,
        "attempts": 3,
        "baud": 300,
        "clock": "holdover",
    }
    receipt = await store.take(
        SERIAL, batch(reading(1, address, [frame, frame], remark="slow", **facts)), LATER
    )
    assert receipt.stored == (f"{1:032x}",)
    (one,) = (await store.readings(await number_of(store, address), START, LATER)).readings
    assert (one.taken, one.slot, one.received) == (facts["taken"], START, LATER)
    assert (one.attempts, one.baud, one.clock, one.remark) == (3, 300, "holdover", "slow")
    assert (one.master, one.schedule, one.outcome) == (SERIAL, "hourly", Outcome.OK)
    assert one.telegrams == (frame, frame)
    assert [told.values for told in one.decoded] == [measured_of(decode_telegram(frame).records)] * 2


async def test_a_batch_that_comes_again_is_receipted_and_stored_once(store: Store) -> None:
    await enrol(store)
    first = batch(reading(1, ADDRESS, [telegram()]), reading(2, ADDRESS), reading(2, ADDRESS))
    for _ in range(3):
        assert (await store.take(SERIAL, first, LATER)).stored == (f"{1:032x}", f"{2:032x}")
    again = batch(reading(2, ADDRESS), reading(3, ADDRESS, [telegram()]))
    await asyncio.gather(*(store.take(SERIAL, again, LATER) for _ in range(4)))
    assert sorted(await ids(store, await number_of(store))) == [1, 2, 3]


async def test_nobody_delivers_for_another_or_without_being_taken_in(store: Store) -> None:
    await enrol(store, "M1", "M2")
    one = reading(1, ADDRESS, [telegram()])
    with pytest.raises(WrongOwnerError):
        await store.take("M2", batch(one, serial="M1"), LATER)
    with pytest.raises(UnknownError):
        await store.take("M9", batch(one, serial="M9"), LATER)
    assert await store.meters() == ()
    await store.take("M1", batch(one, serial="M1"), LATER)
    receipt = await store.take("M2", batch(one, reading(2, ADDRESS), serial="M2"), LATER)
    assert receipt.stored == (f"{2:032x}",)
    assert list(receipt.refused) == [one.id]


async def test_what_cannot_be_decoded_is_stored_all_the_same(store: Store) -> None:
    await enrol(store)
    noise = [b"\x68\x03\x03\x68\x08", b"", telegram()[:-1], telegram() + b"\x00"]
    await store.take(SERIAL, batch(reading(1, ADDRESS, noise, outcome=Outcome.GARBLED)), LATER)
    (one,) = (await store.readings(await number_of(store), START, LATER)).readings
    assert one.telegrams == tuple(noise)
    assert all(told.error for told in one.decoded)
    assert await store.latest([one.meter]) == {}


async def test_telegrams_of_another_meter_are_never_given_to_the_one_that_was_asked(store: Store) -> None:
    await enrol(store)
    foreign = batch(
        reading(1, ADDRESS, [telegram(OTHER)]),
        reading(2, ADDRESS, [telegram(), telegram(OTHER)]),
        reading(3, "5", [telegram(sender=6)]),
        reading(4, "5", [telegram(sender=5), telegram(OTHER, sender=5)]),
        reading(5, ADDRESS[:8] + "FFFFFFFF", [telegram(OTHER)]),
        reading(6, ADDRESS, [telegram()]),
    )
    for _ in range(2):
        assert len((await store.take(SERIAL, foreign, LATER)).stored) == 6
    assert sorted(int(one.id, 16) for one in await store.quarantine()) == [1, 2, 3, 4, 5]
    assert await ids(store, await number_of(store)) == [6]
    assert [meter.identity for meter in await store.meters()] == [ADDRESS]


async def test_a_meter_at_a_primary_address_is_known_by_what_its_telegrams_say(store: Store) -> None:
    await enrol(store)
    await store.note_contact(SERIAL, contact(meters=listed("5")), START)
    await store.take(SERIAL, batch(reading(1, "5")), LATER)
    at = {"taken": START + HOUR}
    await store.take(SERIAL, batch(reading(2, "5", [telegram(sender=5)], **at)), LATER)
    await store.take(SERIAL, batch(reading(3, "5", taken=START + 2 * HOUR)), LATER)
    meters = {meter.identity: meter for meter in await store.meters()}
    assert meters[ADDRESS].place == Place(SERIAL, "main", "5")
    assert await ids(store, meters[ADDRESS].id) == [2, 3]
    assert await ids(store, meters["M1/main/5"].id) == [1]
    swapped = {"taken": START + 3 * HOUR}
    await store.take(SERIAL, batch(reading(4, "5", [telegram(OTHER, sender=5)], **swapped)), LATER)
    await store.take(SERIAL, batch(reading(5, "5", [telegram(sender=5)], **at)), LATER)
    assert await ids(store, await number_of(store, str(OTHER))) == [4]
    assert [meter.identity for meter in await store.meters(SERIAL)] == [str(OTHER)]


async def test_a_clock_that_was_years_ahead_hides_what_comes_afterwards_only_once(store: Store) -> None:
    await enrol(store)
    ahead = START + timedelta(days=4000)
    await store.take(SERIAL, batch(reading(1, ADDRESS, [telegram()], taken=ahead)), START)
    meter = await number_of(store)
    await store.take(SERIAL, batch(reading(2, ADDRESS, [telegram()], taken=START + HOUR)), START + HOUR)
    assert (await store.latest([meter]))[meter].taken == START + HOUR
    assert (await store.meter(meter)).last_seen == START + HOUR


async def test_late_readings_are_welcome_and_do_not_pass_for_the_latest(store: Store) -> None:
    await enrol(store)
    for number, hours in ((1, 30), (2, 2), (3, 29)):
        at = START + hours * HOUR
        await store.take(
            SERIAL, batch(reading(number, ADDRESS, [telegram(energy=hours)], taken=at)), LATER + 9 * HOUR
        )
    meter = await number_of(store)
    assert await ids(store, meter) == [2, 3, 1]
    latest = (await store.latest([meter, 999]))[meter]
    assert latest.taken == START + 30 * HOUR
    assert (await store.meter(meter)).last_reading == latest.taken


async def test_a_meter_keeps_its_readings_when_another_master_reads_it(store: Store) -> None:
    await enrol(store, "M1", "M2")
    await store.take("M1", batch(reading(1, ADDRESS, [telegram()])), LATER)
    later = reading(2, ADDRESS, [telegram()], taken=START + HOUR)
    await store.take("M2", batch(later, serial="M2"), LATER)
    page = await store.readings(await number_of(store), START, LATER)
    assert [one.master for one in page.readings] == ["M1", "M2"]


async def test_what_was_taken_in_is_there_after_closing_and_opening(opened: Callable[[], Store]) -> None:
    store = opened()
    await enrol(store)
    frames = [telegram(energy=energy, access=energy % 256) for energy in range(100, 400, 3)]
    readings = [
        reading(number, ADDRESS, [frame], taken=START + number * HOUR) for number, frame in enumerate(frames)
    ]
    await store.take(SERIAL, batch(*readings[:50]), LATER)
    store.close()
    store = opened()
    await store.take(SERIAL, batch(*readings[50:]), LATER)
    page = await store.readings(await number_of(store), START, START + timedelta(days=10))
    assert [one.telegrams for one in page.readings] == [(frame,) for frame in frames]


async def test_a_batch_that_fails_leaves_nothing_behind_and_the_next_one_is_right(store: Store) -> None:
    await enrol(store)
    impossible = reading(2, ADDRESS, [telegram()]).model_copy(update={"baud": 1 << 70})
    with pytest.raises((OverflowError, StoreError)):
        await store.take(SERIAL, batch(reading(1, ADDRESS, [telegram()]), impossible), LATER)
    for meter in await store.meters():
        assert (await store.readings(meter.id, START, LATER)).readings == ()
    await store.take(SERIAL, batch(reading(1, ADDRESS, [telegram()])), LATER)
    (one,) = (await store.readings(await number_of(store), START, LATER)).readings
    assert one.telegrams == (telegram(),)
