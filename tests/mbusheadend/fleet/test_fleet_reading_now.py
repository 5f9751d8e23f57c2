"""Read now: ordered at each master, and followed until the readings are in."""

from datetime import timedelta

import pytest

from mbusheadend.fleet.masters import CallState
from mbusheadend.fleet.reading_now import (
    DELIVERY,
    VALID,
    ReadError,
    ReadState,
    cancel_read,
    read_master_now,
    read_meters_now,
    read_progress,
)
from mbusheadend.store import UnknownError
from mbushosting.contact import CommandResult
from mbushosting.readings import Outcome
from support.headend_fleet import LOCAL, Bench
from support.headend_messages import START, batch, contact, enrol, listed, reading
from support.headend_meters import ADDRESS, OTHER, number_of, telegram


async def with_meters(bench: Bench) -> None:
    await enrol(bench.store, "M1", "M2")
    await bench.store.note_contact("M1", contact("M1", meters=listed(ADDRESS, str(OTHER))), START)
    await bench.store.note_contact("M2", contact("M2", meters=listed("5")), START)


async def test_an_order_for_meters_of_two_masters_is_one_order(at_desk: Bench) -> None:
    await with_meters(at_desk)
    store = at_desk.store
    numbers = [await number_of(store), await number_of(store, "M2/main/5")]
    id = await read_meters_now(at_desk.desk, numbers, application_reset=True)
    for serial, address in (("M1", ADDRESS), ("M2", "5")):
        (command,) = (await store.orders(serial, 0, "", START)).commands
        assert (command.id, command.application_reset) == (id, True)
        assert [meter.address for meter in command.meters] == [address]
    progress = await read_progress(at_desk.desk, id)
    assert (progress.of, progress.done, progress.is_over) == (2, 0, False)


async def test_progress_goes_from_waiting_to_read(at_desk: Bench) -> None:
    await with_meters(at_desk)
    store, desk = at_desk.store, at_desk.desk
    id = await read_master_now(desk, "M1")
    (master,) = (await read_progress(desk, id)).masters
    assert (master.state, master.call, master.expires) == (ReadState.WAITING, CallState.HEARD, START + VALID)
    await store.orders("M1", 0, "", START)
    (master,) = (await read_progress(desk, id)).masters
    assert master.state is ReadState.AT_WORK
    await store.take("M1", batch(reading(1, ADDRESS, [telegram()], schedule=id)), START)
    assert (await read_progress(desk, id)).done == 1
    await store.note_contact(
        "M1", contact(results=(CommandResult(id=id, outcome="done", detail="x"),)), START
    )
    progress = await read_progress(desk, id)
    assert (progress.masters[0].state, progress.masters[0].detail, progress.is_over) == (
        ReadState.DONE,
        "x",
        False,
    )
    await store.take("M1", batch(reading(2, str(OTHER), schedule=id)), START)
    progress = await read_progress(desk, id)
    assert (progress.done, progress.answered, progress.is_over) == (2, 1, True)
    outcomes = {
        line.meter.identity: line.reading and line.reading.outcome for line in progress.masters[0].meters
    }
    assert outcomes == {ADDRESS: Outcome.OK, str(OTHER): Outcome.SILENT}


async def test_what_does_not_come_is_not_waited_for_for_ever(at_desk: Bench) -> None:
    await with_meters(at_desk)
    id = await read_master_now(at_desk.desk, "M1")
    await at_desk.store.note_contact("M1", contact(results=(CommandResult(id=id, outcome="failed"),)), START)
    assert not (await read_progress(at_desk.desk, id)).is_over
    at_desk.time += DELIVERY + timedelta(seconds=1)
    progress = await read_progress(at_desk.desk, id)
    assert (progress.masters[0].state, progress.is_over) == (ReadState.FAILED, True)


async def test_an_order_lapses_and_can_be_taken_back(at_desk: Bench) -> None:
    await with_meters(at_desk)
    first, second = [await read_master_now(at_desk.desk, "M1") for _ in range(2)]
    assert await cancel_read(at_desk.desk, first) == 1
    assert await cancel_read(at_desk.desk, first) == 0
    at_desk.time += VALID
    states = [(await read_progress(at_desk.desk, id)).masters[0].state for id in (first, second)]
    assert states == [ReadState.CANCELLED, ReadState.EXPIRED]


async def test_nothing_is_ordered_where_nobody_would_read(at_desk: Bench) -> None:
    await with_meters(at_desk)
    store, desk = at_desk.store, at_desk.desk
    await store.add_local_master("L1", "", LOCAL, START)
    gone = await number_of(store, "M2/main/5")
    await store.note_contact("M2", contact("M2", meters=()), START)
    for kind, numbers in (("nobody", []), ("nowhere", [gone]), ("many", list(range(3000)))):
        with pytest.raises(ReadError) as refused:
            await read_meters_now(desk, numbers)
        assert refused.value.kind == kind
    for kind, serial in (("nobody", "M2"), ("nowhere", "L1")):
        with pytest.raises(ReadError) as refused:
            await read_master_now(desk, serial)
        assert refused.value.kind == kind
    for unknown in ("now-1", "hourly"):
        with pytest.raises(UnknownError):
            await read_progress(desk, unknown)
