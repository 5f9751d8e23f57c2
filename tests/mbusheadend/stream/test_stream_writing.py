"""What is uploaded is acknowledged by the stream and stored once, whatever comes twice, fails or cannot be stored."""

import asyncio
import os
import sqlite3
from datetime import timedelta

import pytest

from mbusheadend.errors import RefusedError
from mbusheadend.store import Store, StoreError, WrongOwnerError
from mbusheadend.stream.dead import DeadLetter, dead_letters, try_again
from mbusheadend.stream.figures import Deed
from mbusheadend.stream.format import Parcel, readings_subject
from mbusheadend.stream.layout import stream_of_readings
from mbusheadend.stream.service import StreamService
from mbusheadend.stream.settings import StreamSettings
from mbushosting.readings import Batch, Outcome
from support.headend_messages import LATER, SERIAL, START, batch, enrol, reading
from support.headend_meters import ADDRESS, telegram
from support.nats import Nodes
from support.settled import settled
from support.stream import Watched, stored_ids, stream_settings, streaming, upload

pytestmark = pytest.mark.peers


async def letters(service: StreamService, settings: StreamSettings) -> list[DeadLetter]:
    return [one async for one in dead_letters(service._link.jetstream, settings)]


async def dead(service: StreamService, count: int) -> None:
    await settled(lambda: service.figures.counts[Deed.DEAD] == count)


def noise(number: int) -> Batch:
    """Give ten readings that no compression makes smaller."""
    frames = [os.urandom(250) for _ in range(20)]
    facts = {"outcome": Outcome.GARBLED}
    return batch(*(reading(10 * number + n, ADDRESS, frames, **facts) for n in range(10)))


async def fill(service: StreamService) -> int:
    """Upload until there is no room; give the number of what was refused."""
    for number in range(1, 200):
        try:
            await service.intake.take(SERIAL, noise(number), LATER)
        except RefusedError:
            return number
    raise AssertionError("it takes all")


async def test_what_the_stream_acknowledges_is_in_the_store_soon_and_once(
    cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store)
    watched = Watched(store)
    async with streaming(stream_settings(cluster, name), watched.store) as service:
        receipts = [await service.intake.take(SERIAL, upload(n), LATER) for n in (0, 1, 0, 1, 2)]
        await watched.has(12)
    assert receipts[0].stored == tuple(f"{n:032x}" for n in (1, 2, 3, 4))
    assert not receipts[0].refused
    assert sorted(await stored_ids(store)) == list(range(1, 13))
    assert service.figures.counts[Deed.REPEATED] == 2
    assert watched.taken == [f"{n:032x}" for n in range(1, 13)]


async def test_the_moment_of_the_upload_is_that_of_the_reading(
    cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store)
    watched = Watched(store)
    async with streaming(stream_settings(cluster, name), watched.store) as service:
        await service.intake.take(SERIAL, upload(0), LATER)
        await watched.has(4)
    (meter, *_) = await store.meters()
    (one, *_) = (await store.readings(meter.id, START, LATER)).readings
    assert one.received == LATER


async def test_nobody_delivers_for_another(cluster: Nodes, name: str, store: Store) -> None:
    async with streaming(stream_settings(cluster, name), store) as service:
        with pytest.raises(WrongOwnerError):
            await service.intake.take("M2", upload(0), LATER)


async def test_a_batch_that_is_too_big_for_a_message_comes_in_pieces(
    cluster: Nodes, name: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enrol(store)
    monkeypatch.setattr("mbusheadend.stream.link.BODY_BYTES", 300)
    watched = Watched(store)
    async with streaming(stream_settings(cluster, name), watched.store) as service:
        receipt = await service.intake.take(SERIAL, upload(0, 40), LATER)
        assert len(receipt.stored) == 40
        await watched.has(40)
        await service.look()
        assert service.figures.messages > 3
    assert watched.taken == [f"{n:032x}" for n in range(1, 41)]


async def test_a_store_that_is_down_loses_nothing_and_gets_all_of_it_later(
    cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store)
    watched = Watched(store)
    watched.is_down = True
    async with streaming(stream_settings(cluster, name, writers=2), watched.store) as service:
        for number in range(20):
            assert len((await service.intake.take(SERIAL, upload(number), LATER)).stored) == 4
        await watched.was_asked(2)
        await service.look()
        assert service.figures.waiting == 20
        watched.is_down = False
        await watched.has(80)
    assert sorted(await stored_ids(store)) == list(range(1, 81))
    assert watched.taken == [f"{n:032x}" for n in range(1, 81)]


async def test_what_a_writer_had_in_hand_when_it_ended_is_written_by_the_next(
    cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store)
    down = Watched(store)
    down.is_down = True
    settings = stream_settings(cluster, name)
    async with streaming(settings, down.store) as service:
        for number in range(5):
            await service.intake.take(SERIAL, upload(number), LATER)
        await down.was_asked(1)
    well = Watched(store)
    async with streaming(settings, well.store):
        await well.has(20)
    assert sorted(await stored_ids(store)) == list(range(1, 21))


async def test_two_writers_at_once_store_each_reading_once(cluster: Nodes, name: str, store: Store) -> None:
    await enrol(store, "M1", "M2", "M3")
    first, second = Watched(store), Watched(store)
    settings = stream_settings(cluster, name, writers=4)
    async with streaming(settings, first.store) as one, streaming(settings, second.store) as other:
        for number in range(30):
            serial = f"M{number % 3 + 1}"
            await (one if number % 2 else other).intake.take(serial, upload(number, 2, serial), LATER)
        await settled(lambda: len({*first.taken, *second.taken}) == 60)
    assert first.taken
    assert second.taken
    assert len(first.taken) + len(second.taken) == 60
    assert sorted(await stored_ids(store)) == list(range(1, 61))


async def test_what_nobody_understands_is_a_dead_letter_and_holds_nobody_up(
    cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store)
    watched = Watched(store)
    settings = stream_settings(cluster, name)
    async with streaming(settings, watched.store) as service:
        for body, headers in (
            (b"\xff\xfe", {}),
            (b"no gzip", {"Mbus-Version": "1", "Content-Encoding": "gzip"}),
            (b"{}", {"Mbus-Version": "9"}),
        ):
            parcel = Parcel(readings_subject(name, "default", SERIAL), headers, body)
            await service._link.publish(parcel, stream_of_readings(settings))
        await service.intake.take(SERIAL, upload(0), LATER)
        await watched.has(4)
        await dead(service, 3)
        reasons = {one.reason for one in await letters(service, settings)}
    assert reasons == {
        "version 'none' of the format is not known here",
        "the body is no gzip",
        "version '9' of the format is not known here",
    }


async def test_a_master_that_is_not_known_any_more_leaves_dead_letters_that_can_be_tried_again(
    cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store)
    watched = Watched(store)
    settings = stream_settings(cluster, name)
    async with streaming(settings, watched.store) as service:
        await service.intake.take("M.9", upload(0, serial="M.9"), LATER)
        await dead(service, 1)
        (one,) = await letters(service, settings)
        assert (one.serial, one.readings, one.reason) == ("M.9", "4", "the master M.9 was not taken in here")
        await enrol(store, "M.9")
        assert await try_again(service._link, settings) == 1
        await watched.has(4)
        assert not await letters(service, settings)


async def test_a_reading_that_another_master_delivered_is_a_dead_letter_and_the_others_are_stored(
    cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store, "M1", "M2")
    watched = Watched(store)
    settings = stream_settings(cluster, name)
    async with streaming(settings, watched.store) as service:
        await service.intake.take("M1", upload(0), LATER)
        await watched.has(4)
        mixed = batch(*upload(0).readings[:1], *upload(1).readings, serial="M2")
        receipt = await service.intake.take("M2", mixed, LATER)
        assert len(receipt.stored) == 5
        await watched.has(8)
        await dead(service, 1)
        (one,) = await letters(service, settings)
    assert (one.serial, one.readings) == ("M2", "1")
    assert one.reason == "another master delivered a reading with this id"


@pytest.mark.parametrize("kind", ["of the store", "of nobody"])
async def test_one_reading_that_cannot_be_stored_takes_no_other_with_it(
    kind: str, cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store)
    watched = Watched(store)
    error = StoreError("no")
    error.__cause__ = sqlite3.DataError()
    watched.broken[f"{2:032x}"] = error if kind == "of the store" else OverflowError()
    settings = stream_settings(cluster, name)
    async with streaming(settings, watched.store) as service:
        await service.intake.take(SERIAL, upload(0), LATER)
        await watched.has(3)
        await dead(service, 1)
        (one,) = await letters(service, settings)
        assert one.readings == "1"
        await settled(lambda: not service._writer._in_hand)
        await service.look()
        assert service.figures.waiting == 0
    assert sorted(await stored_ids(store)) == [1, 3, 4]


async def test_foreign_telegrams_go_to_quarantine(cluster: Nodes, name: str, store: Store) -> None:
    await enrol(store)
    watched = Watched(store)
    async with streaming(stream_settings(cluster, name), watched.store) as service:
        await service.intake.take(SERIAL, batch(reading(1, ADDRESS[:8] + "0" * 8, [telegram()])), LATER)
        await watched.has(1)
    assert [one.master for one in await store.quarantine()] == [SERIAL]


async def test_a_full_stream_refuses_and_takes_again_when_something_is_written(
    cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store)
    watched = Watched(store)
    watched.is_down = True
    settings = stream_settings(cluster, name, max_bytes=1 << 20, keep_hours=72)
    async with streaming(settings, watched.store) as service:
        last = await fill(service)
        with pytest.raises(RefusedError) as refused:
            await service.intake.take(SERIAL, noise(last), LATER)
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "300"})
        await service.keep()
        with pytest.raises(RefusedError):
            await service.intake.take(SERIAL, noise(last), LATER)
        watched.is_down = False
        await watched.has(10 * (last - 1))
        await settled(lambda: not service._writer._in_hand)
        await service.keep()
        await service.intake.take(SERIAL, noise(last), LATER)
        await watched.has(10 * last)
    assert service.figures.counts[Deed.FULL] == 3


async def test_messages_are_given_up_when_they_are_written_and_old(
    cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store)
    watched = Watched(store)
    settings = stream_settings(cluster, name, keep_hours=1)
    async with streaming(settings, watched.store) as service:
        await service.intake.take(SERIAL, upload(0), LATER)
        await watched.has(4)
        await settled(lambda: not service._writer._in_hand)
        await service.keep()
        await service.look()
        assert service.figures.messages == 1
        watched.is_down = True
        await service.intake.take(SERIAL, upload(1), LATER)
        await watched.was_asked(2)
        clock = service._now
        service._now = lambda: clock() + timedelta(hours=2)
        await service.keep()
        await service.look()
        assert (service.figures.messages, service.figures.waiting) == (1, 1)


async def test_batches_of_one_master_reach_the_store_in_their_order(
    cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store, "M1", "M2")
    watched = Watched(store)
    async with streaming(stream_settings(cluster, name, writers=8), watched.store) as service:
        uploads = [upload(n, 1, f"M{n % 2 + 1}") for n in range(40)]
        for one in uploads:
            await service.intake.take(one.serial_number, one, LATER)
        await watched.has(40)
    for rest in (0, 1):
        of_one = [int(id, 16) for id in watched.taken if int(id, 16) % 2 == rest]
        assert of_one == sorted(of_one)


async def test_a_master_whose_certificate_nobody_could_ask_about_is_asked_about_before_it_is_stored(
    cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store)
    await store.add_certificate(SERIAL, 7, LATER, START)
    await store.add_certificate(SERIAL, 8, LATER, START)
    await store.revoke_certificate(8, START)
    watched = Watched(store)
    settings = stream_settings(cluster, name)

    async def take(one: Batch, certificate: int) -> None:
        await service.intake.take(SERIAL, one, LATER, certificate=certificate)

    async with streaming(settings, watched.store) as service:
        await asyncio.gather(take(upload(0), 7), take(upload(1), 8))
        await watched.has(4)
        await dead(service, 1)
        (one,) = await letters(service, settings)
    assert one.reason == "the certificate of the master was revoked, or is not known here"
    assert sorted(await stored_ids(store)) == [1, 2, 3, 4]
