"""Masters that the head-end reads itself, in every kind of store."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from mbusheadend.store import Assignment, Store, StoreRefusedError, UnknownError
from mbusheadend.store.local import NO_KEYS, Kept, LocalKeys, LocalPlace
from mbushosting.schedules import Every, Schedule
from mbusio.listreading import Patience
from support.headend_messages import LATER, SERIAL, START, batch, enrol, reading

CELLAR = LocalPlace("tcp://192.0.2.7:2445", Patience())
KEYS = LocalKeys(b"-----BEGIN PRIVATE KEY-----\nclient", b"authority")
SERIAL_PORT = LocalPlace("/dev/ttyUSB0", Patience(300, 9600, 1.0, 1))


async def test_a_local_master_is_a_master_that_says_where_it_is(opened: Callable[[], Store]) -> None:
    store = opened()
    await store.add_local_master("local-1", "cellar", CELLAR, START)
    await enrol(store, SERIAL)
    assert {master.serial: master.local for master in await opened().masters()} == {
        SERIAL: None,
        "local-1": CELLAR,
    }
    await store.set_local_place("local-1", SERIAL_PORT)
    master = await store.master("local-1")
    assert (master.name, master.local, master.enrolled, master.last_contact) == (
        "cellar",
        SERIAL_PORT,
        START,
        None,
    )
    await store.note_local_contact("local-1", LATER)
    assert (await store.master("local-1")).last_contact == LATER


async def test_what_was_read_locally_is_stored_like_all_readings(store: Store) -> None:
    await store.add_local_master("local-1", "cellar", CELLAR, START)
    (meter,) = await store.add_meters("local-1", [("main", "7", 7, "")], START)
    receipt = await store.take("local-1", batch(reading(1, "7"), serial="local-1"), START)
    assert len(receipt.stored) == 1
    page = await store.readings(meter, START, LATER)
    assert [one.master for one in page.readings] == ["local-1"]


async def test_no_master_gets_the_serial_number_of_another(store: Store) -> None:
    await enrol(store, SERIAL)
    with pytest.raises(StoreRefusedError, match="is taken"):
        await store.add_local_master(SERIAL, "", CELLAR, START)
    await store.add_local_master("local-1", "cellar", CELLAR, START)
    await store.add_token(b"token", LATER, "", START)
    assert not await store.use_token(b"token", "local-1", START)
    assert await store.use_token(b"token", "M2", START)


async def test_among_local_masters_the_newest_list_says_where_a_meter_is(store: Store) -> None:
    heat, water = "852467982D2C3504", "1149037804770E16"
    await store.add_local_master("local-1", "cellar", CELLAR, START)
    await store.add_local_master("local-2", "roof", CELLAR, START)
    await enrol(store, SERIAL)
    (number,) = await store.add_meters("local-1", [("main", heat, None, "")], START)
    await store.add_meters("local-2", [("main", heat, None, "")], START)
    assert [meter.id for meter in await store.meters("local-2")] == [number]
    # A master that calls says itself which meters it has.
    await store.add_meters(SERIAL, [("main", water, None, ""), ("main", heat, None, "")], START)
    await store.add_meters("local-2", [("main", water, None, "")], START)
    assert [meter.identity for meter in await store.meters(SERIAL)] == [water]
    assert [meter.identity for meter in await store.meters("local-2")] == [heat]


async def test_no_schedule_expects_anything_of_a_local_master(store: Store) -> None:
    await store.add_local_master("local-1", "cellar", CELLAR, START)
    schedule = Schedule(id="hourly", rule=Every(minutes=60))
    await store.put_schedule(schedule, Assignment(everybody=True), START)
    await store.add_meters("local-1", [("main", "7", 7, "")], START)
    assert await store.completeness(START, LATER) == ()


async def test_an_enrolled_master_is_not_read_locally(store: Store) -> None:
    await enrol(store, SERIAL)
    with pytest.raises(UnknownError, match="is not read locally"):
        await store.set_local_place(SERIAL, CELLAR)
    with pytest.raises(UnknownError, match="was not taken in"):
        await store.note_local_contact("local-9", START)


async def test_a_local_master_that_was_deleted_is_gone_and_its_readings_stay(store: Store) -> None:
    await store.add_local_master("local-1", "cellar", CELLAR, START)
    (meter,) = await store.add_meters("local-1", [("main", "7", 7, "")], START)
    await store.take("local-1", batch(reading(1, "7"), serial="local-1"), START)
    await store.delete_master("local-1", START)
    assert await store.masters() == ()
    assert len((await store.readings(meter, START, LATER)).readings) == 1


def rows(folder: Path, statement: str) -> list[tuple[object, ...]]:
    """Ask the database itself."""
    if (folder / "store.db").exists():
        with closing(sqlite3.connect(folder / "store.db")) as file:
            return file.execute(statement).fetchall()
    with psycopg.connect((folder / "database").read_text()) as connection:
        connection.execute("SET mbus.tenant = 1")
        return connection.execute(statement.encode()).fetchall()


async def test_keys_that_one_process_was_told_are_read_by_another_one(opened: Callable[[], Store]) -> None:
    told, other = opened(), opened()
    await told.add_local_master("local-1", "cellar", CELLAR, START, KEYS)
    assert await other.local_keys("local-1") == KEYS
    assert await other.local_keys_kept("local-1") == Kept(client=True, authority=True)
    # What is not handed in stays.
    await other.set_local_place("local-1", SERIAL_PORT, LocalKeys(authority=b"newer"))
    assert await told.local_keys("local-1") == LocalKeys(KEYS.client, b"newer")
    await told.set_local_place("local-1", CELLAR)
    assert await other.local_keys("local-1") == LocalKeys(KEYS.client, b"newer")
    await told.set_local_place("local-1", CELLAR, LocalKeys(client=b"newest"))
    assert await other.local_keys("local-1") == LocalKeys(b"newest", b"newer")


async def test_the_database_has_the_private_key_sealed_and_the_authority_open(
    store: Store, tmp_path: Path
) -> None:
    await store.add_local_master("local-1", "cellar", CELLAR, START, KEYS)
    await store.add_local_master("local-2", "roof", CELLAR, START, KEYS)
    first, second = rows(tmp_path, "SELECT client, authority FROM local_keys ORDER BY master")
    assert KEYS.client is not None
    for client, authority in (first, second):
        assert isinstance(client, bytes)
        assert b"PRIVATE KEY" not in client
        assert authority == KEYS.authority
    assert first[0] != second[0]


async def test_keys_of_a_local_master_that_was_deleted_are_gone(
    opened: Callable[[], Store], tmp_path: Path
) -> None:
    store, other = opened(), opened()
    await store.add_local_master("local-1", "cellar", CELLAR, START, KEYS)
    await store.add_local_master("local-2", "roof", CELLAR, START)
    assert await other.local_keys("local-2") == NO_KEYS
    await store.delete_master("local-1", START)
    assert rows(tmp_path, "SELECT client FROM local_keys") == []
    with pytest.raises(UnknownError):
        await other.local_keys("local-1")
    with pytest.raises(UnknownError):
        await other.local_keys_kept("local-1")
    await enrol(store, SERIAL)
    with pytest.raises(UnknownError, match="is not read locally"):
        await store.local_keys(SERIAL)


async def test_a_process_with_another_key_file_does_not_open_them_and_says_so(
    opened: Callable[[], Store], tmp_path: Path
) -> None:
    await opened().add_local_master("local-1", "cellar", CELLAR, START, KEYS)
    (tmp_path / "keys").write_bytes(bytes(32))
    other = opened()
    with pytest.raises(StoreRefusedError, match="the key file does not open"):
        await other.local_keys("local-1")
    # That there are some is known all the same, and new ones mend it.
    assert await other.local_keys_kept("local-1") == Kept(client=True, authority=True)
    await other.set_local_place("local-1", CELLAR, KEYS)
    assert await other.local_keys("local-1") == KEYS


async def test_what_the_store_has_counts_more_than_what_lay_elsewhere(store: Store) -> None:
    older = LocalKeys(b"older client", b"older authority")
    await store.add_local_master("local-1", "cellar", CELLAR, START, LocalKeys(authority=b"newer"))
    assert await store.adopt_local_keys("local-1", older)
    assert await store.local_keys("local-1") == LocalKeys(older.client, b"newer")
    assert await store.adopt_local_keys("local-1", KEYS)
    assert await store.local_keys("local-1") == LocalKeys(older.client, b"newer")
    assert not await store.adopt_local_keys("local-9", older)
    await store.delete_master("local-1", START)
    assert await store.adopt_local_keys("local-1", older)
    assert await store.masters() == ()
