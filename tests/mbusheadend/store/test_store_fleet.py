"""Masters call, meters move, and what was known of them stays."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from mbusheadend.store import Place, Store, StoreRefusedError, UnknownError, WrongOwnerError
from support.headend_messages import SERIAL, START, contact, enrol, listed
from support.headend_store import KINDS

HOUR: Final = timedelta(hours=1)
ONE: Final = "123456782D2C1904"
TWO: Final = "123456792D2C1904"


async def test_a_contact_says_how_the_master_is(store: Store) -> None:
    await enrol(store)
    first = await store.note_contact(SERIAL, contact(orders=4), START - HOUR)
    assert (first.is_first, first.silent_for, first.clock_offset) == (True, None, HOUR)
    second = await store.note_contact(SERIAL, contact(lamps={"bus": "green"}), START)
    assert (second.is_first, second.silent_for, second.clock_offset) == (False, HOUR, timedelta())
    master = await store.master(SERIAL)
    assert master.contact == contact(lamps={"bus": "green"})
    assert master.last_contact == START


async def test_a_contact_that_cannot_be_read_any_more_hides_no_masters(tmp_path: Path) -> None:
    with closing(KINDS["sqlite"](tmp_path)) as store:
        await enrol(store)
        await store.note_contact(SERIAL, contact(), START)
        with closing(sqlite3.connect(tmp_path / "store.db")) as other:
            other.execute("""UPDATE master SET contact = '{"counters": {"a": null}}'""")
            other.commit()
        (master,) = await store.masters()
        assert (master.contact, master.last_contact) == (None, START)


async def test_readings_that_the_master_gave_up_are_told_once(store: Store) -> None:
    await enrol(store)
    for dropped, new in ((3, 3), (3, 0), (5, 2)):
        facts = await store.note_contact(SERIAL, contact(outbox={"dropped": dropped}), START)
        assert facts.new_drops == new


async def test_a_stranger_and_one_who_speaks_for_another_are_refused(store: Store) -> None:
    await enrol(store)
    with pytest.raises(UnknownError):
        await store.note_contact("M9", contact("M9"), START)
    with pytest.raises(WrongOwnerError):
        await store.note_contact(SERIAL, contact("M2"), START)
    assert (await store.master(SERIAL)).contact is None


async def test_meters_of_a_list_are_there_with_what_it_says(store: Store) -> None:
    await enrol(store)
    reports = listed(ONE, primary=5, rates=(300, 2400), status="answers", last_seen=START)
    facts = await store.note_contact(SERIAL, contact(meters=reports, meter_list="7"), START)
    (meter,) = await store.meters(SERIAL)
    assert facts.new_meters == (meter.id,)
    assert (meter.identity, meter.place, meter.primary) == (ONE, Place(SERIAL, "main", ONE), 5)
    assert (meter.rates, meter.status, meter.last_seen) == ((300, 2400), "answers", START)
    assert (await store.orders(SERIAL, 0, "6", START)).meter_list == "7"
    assert (await store.note_contact(SERIAL, contact(), START)).new_meters == ()
    assert len(await store.meters(SERIAL)) == 1


async def test_a_list_that_claims_the_future_does_not_keep_a_meter_for_ever(store: Store) -> None:
    await enrol(store, "M1", "M2")
    ahead = listed(ONE, last_seen=START + timedelta(days=4000))
    await store.note_contact("M1", contact("M1", meters=ahead), START)
    later = START + timedelta(days=2)
    await store.note_contact("M2", contact("M2", meters=listed(ONE, last_seen=later)), later)
    (meter,) = await store.meters("M2")
    assert (meter.identity, meter.last_seen) == (ONE, later)


async def test_a_meter_that_moves_stays_the_same_and_its_places_are_remembered(store: Store) -> None:
    await enrol(store, "M1", "M2")
    await store.note_contact("M1", contact("M1", meters=listed(ONE, TWO, last_seen=START)), START)
    meter = (await store.meters("M1"))[0]
    moved = START + HOUR
    await store.note_contact("M2", contact("M2", meters=listed(ONE, last_seen=moved)), moved)
    assert (await store.meter(meter.id)).place == Place("M2", "main", ONE)
    assert [(stay.place.master, stay.until) for stay in await store.stays(meter.id)] == [
        ("M2", None),
        ("M1", moved),
    ]


async def test_an_old_list_does_not_fetch_a_meter_back(store: Store) -> None:
    await enrol(store, "M1", "M2")
    await store.note_contact("M1", contact("M1", meters=listed(ONE, last_seen=START)), START)
    await store.note_contact("M2", contact("M2", meters=listed(ONE, last_seen=START + HOUR)), START)
    await store.note_contact("M1", contact("M1", meters=listed(ONE, TWO, last_seen=START)), START + HOUR)
    assert [meter.identity for meter in await store.meters("M1")] == [TWO]
    assert [meter.identity for meter in await store.meters("M2")] == [ONE]


async def test_a_meter_that_left_the_list_is_at_no_place(store: Store) -> None:
    await enrol(store)
    await store.note_contact(SERIAL, contact(meters=listed(ONE, "5")), START)
    await store.note_contact(SERIAL, contact(meters=listed("5")), START)
    assert [meter.identity for meter in await store.meters(SERIAL)] == ["M1/main/5"]
    assert [meter.place for meter in await store.meters() if meter.identity == ONE] == [None]


async def test_names_and_groups_of_masters_and_meters_are_kept(store: Store) -> None:
    await enrol(store, "M1", "M2")
    await store.set_master("M1", name="Cellar", groups=["north", "houses"])
    await store.note_contact("M1", contact("M1", meters=listed(ONE, TWO)), START)
    one = (await store.meters())[0]
    await store.set_meter(one.id, name="Flat 3", note="behind the door", groups=["water"])
    await store.note_contact("M1", contact("M1", meters=listed(ONE, TWO), name="other"), START)
    master, meter = await store.master("M1"), await store.meter(one.id)
    assert (master.name, master.groups) == ("Cellar", frozenset({"north", "houses"}))
    assert (meter.name, meter.note, meter.groups) == (
        "Flat 3",
        "behind the door",
        frozenset({"water"}),
    )
    assert [meter.id for meter in await store.meters(group="water")] == [one.id]


async def test_a_group_without_a_name_is_refused(store: Store) -> None:
    await enrol(store)
    with pytest.raises(StoreRefusedError):
        await store.set_master(SERIAL, name="", groups=["\x1f"])


async def test_a_removed_master_is_trusted_no_more_and_its_meters_stay(store: Store) -> None:
    await enrol(store)
    await store.add_certificate(SERIAL, 1, START + HOUR, START)
    await store.note_contact(SERIAL, contact(meters=listed(ONE)), START)
    await store.delete_master(SERIAL, START)
    assert not await store.is_trusted(1)
    assert await store.masters() == ()
    (meter,) = await store.meters()
    assert meter.place is None
    with pytest.raises(UnknownError):
        await store.orders(SERIAL, 0, "", START)


async def test_unknown_masters_and_meters_are_said_to_be_unknown(store: Store) -> None:
    with pytest.raises(UnknownError):
        await store.master("M9")
    with pytest.raises(UnknownError):
        await store.meter(9)
    with pytest.raises(UnknownError):
        await store.set_meter(9, name="", note="", groups=())
