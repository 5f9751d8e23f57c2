"""Keys, decoding again, retention, backup and restore."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from mbusheadend.decoding.keys import KeyFileError, Vault
from mbusheadend.decoding.telegrams import DECODER
from mbusheadend.store import Store, StoredReading, StoreError, StoreRefusedError, UnknownError
from mbusheadend.store.sqlite.restoring import restore
from mbusheadend.store.sqlite.store import SqliteStore
from support.headend_messages import LATER, SERIAL, START, batch, enrol, reading
from support.headend_meters import ADDRESS, ENERGY, KEY, encrypted, number_of, telegram
from support.needs import SHARED
from support.telegrams import read_hex

GOOD: Final = sorted((SHARED / "telegrams" / "good").glob("*.hex"))
HOUR: Final = timedelta(hours=1)
END: Final = START + timedelta(days=400)


async def everything(store: Store, meter: int) -> tuple[StoredReading, ...]:
    return (await store.readings(meter, START - timedelta(days=1), END, limit=10_000)).readings


async def fill(store: Store, count: int = 40, frame: Callable[[int, int], bytes] = encrypted) -> int:
    for number in range(count):
        one = reading(number + 1, ADDRESS, [frame(number, number % 256)], taken=START + number * HOUR)
        await store.take(SERIAL, batch(one), START + number * HOUR)
    return await number_of(store)


def content_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def plain(energy: int, access: int) -> bytes:
    return telegram(energy=energy, access=access)


async def test_a_key_opens_what_came_before_and_what_comes(store: Store) -> None:
    await enrol(store)
    meter = await fill(store)
    assert {one.value(ENERGY) for one in await everything(store, meter)} == {None}
    assert all("no key" in one.decoded[0].error for one in await everything(store, meter))
    await store.set_key(meter, KEY)
    assert (await store.meter(meter)).has_key
    pieces, after = 0, None
    while pieces == 0 or after is not None:
        done, after = await store.redecode_meter(meter, after, limit=7)
        pieces += 1
    assert done.is_complete
    assert pieces == 6
    await store.take(SERIAL, batch(reading(99, ADDRESS, [encrypted(40, 7)], taken=START + 40 * HOUR)), LATER)
    found = await everything(store, meter)
    assert [one.value(ENERGY) for one in found] == [energy * 1000 for energy in range(41)]
    assert [one.telegrams for one in found][:40] == [
        (encrypted(number, number % 256),) for number in range(40)
    ]


async def test_a_key_lies_in_the_store_encrypted_and_opens_with_its_file_only(
    store: Store, opened: Callable[[], Store], tmp_path: Path
) -> None:
    await enrol(store)
    meter = await fill(store, 1)
    await store.set_key(meter, KEY)
    store.close()
    assert KEY not in content_of(tmp_path)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    await opened().redecode_meter(meter)
    (tmp_path / "keys").write_bytes(bytes(32))
    with pytest.raises(KeyFileError):
        await opened().redecode_meter(meter)


async def test_what_is_no_key_or_no_meter_is_refused(store: Store) -> None:
    await enrol(store)
    meter = await fill(store, 1)
    with pytest.raises(StoreRefusedError):
        await store.set_key(meter, b"short")
    with pytest.raises(UnknownError):
        await store.set_key(999, KEY)
    await store.set_key(meter, KEY)
    await store.set_key(meter, None)
    assert not (await store.meter(meter)).has_key


def test_a_key_file_of_another_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"short")
    with pytest.raises(KeyFileError):
        Vault.from_file(tmp_path / "keys")


async def test_all_values_can_be_made_again_piece_by_piece_and_are_equal(
    store: Store, opened: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    await enrol(store)
    frames = [read_hex(path) for path in GOOD]
    for number, frame in enumerate(frames):
        await store.take(SERIAL, batch(reading(number + 1, "5", [frame[:5] + b"\x05" + frame[6:]])), LATER)
    meters = [meter.id for meter in await store.meters()]
    before = [await everything(store, meter) for meter in meters]
    assert sum(map(len, before)) + len(await store.quarantine()) == len(frames)
    monkeypatch.setattr("mbusheadend.store.sql.upkeep.DECODER", DECODER + 1)
    first = await store.redecode(limit=10)
    assert (first.done, first.changed, first.is_complete) == (10, 0, False)
    store.close()
    store = opened()
    done = first
    while not done.is_complete:
        done = await store.redecode(limit=10)
        assert done.changed == 0
    again = [await everything(store, meter) for meter in meters]
    assert {one.decoder for found in again for one in found} == {DECODER + 1}
    assert [[(one.id, one.telegrams, one.decoded) for one in found] for found in again] == [
        [(one.id, one.telegrams, one.decoded) for one in found] for found in before
    ]
    assert (await store.redecode(limit=10)).done == 0


async def test_raw_telegrams_and_whole_readings_are_given_up_by_age(store: Store) -> None:
    await enrol(store)
    meter = await fill(store, frame=plain)
    whole = await everything(store, meter)
    taken_away = 0
    for _ in range(5):
        pruned = await store.prune(raw_before=START + 20 * HOUR, readings_before=START + 10 * HOUR, limit=8)
        taken_away += pruned.readings
    assert taken_away == 10
    found = await everything(store, meter)
    assert [one.decoded for one in found] == [one.decoded for one in whole[10:]]
    assert [one.telegrams is None for one in found] == [True] * 10 + [False] * 20
    assert [one.telegrams for one in found[10:]] == [one.telegrams for one in whole[20:]]


async def test_raw_telegrams_stay_readable_when_old_ones_go_and_meters_send_something_else(
    store: Store,
) -> None:
    await enrol(store)

    def frame(number: int, access: int) -> bytes:
        # Each hundred readings everything changes, so that another base has to serve.
        return telegram(energy=0x01010101 * (number // 100 * 50), access=access)

    meter = await fill(store, 300, frame)
    for _ in range(10):
        await store.prune(raw_before=START + 150 * HOUR, readings_before=None, limit=40)
    found = await everything(store, meter)
    assert [one.telegrams for one in found] == [
        None if number < 150 else (frame(number, number % 256),) for number in range(300)
    ]


async def test_a_deleted_meter_is_gone_with_its_readings_and_its_neighbour_stays(store: Store) -> None:
    await enrol(store)
    meter = await fill(store, 3, plain)
    await store.take(SERIAL, batch(reading(90, "7", taken=START)), LATER)
    await store.delete_meter(meter)
    assert await everything(store, meter) == ()
    assert [one.identity for one in await store.meters()] == ["M1/main/7"]
    with pytest.raises(UnknownError):
        await store.delete_meter(meter)
    again = await fill(store, 3, plain)
    assert again != meter
    assert len(await everything(store, again)) == 3


async def test_a_backup_of_a_running_store_brings_everything_back(tmp_path: Path) -> None:
    path, copy = tmp_path / "store.db", tmp_path / "backup.db"
    store = SqliteStore(path)
    await enrol(store)
    meter = await fill(store, frame=plain)
    before, masters = await everything(store, meter), await store.masters()
    await store.back_up(copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    await store.take(SERIAL, batch(reading(999, ADDRESS, [plain(1, 1)], taken=START + 90 * HOUR)), LATER)
    with pytest.raises(StoreRefusedError):
        await store.back_up(copy)
    with pytest.raises(StoreRefusedError, match="in use"):
        restore(copy, path, LATER)
    store.close()
    path.write_bytes(b"what a broken disk leaves" * 1000)
    aside = restore(copy, path, LATER)
    assert aside is not None
    assert aside.read_bytes().startswith(b"what a broken disk")
    store = SqliteStore(path)
    assert repr(await everything(store, meter)) == repr(before)
    assert await store.masters() == masters
    # The one that came after the backup is delivered again, or fetched from the master's history.
    await store.take(SERIAL, batch(reading(999, ADDRESS, [plain(1, 1)], taken=START + 90 * HOUR)), LATER)
    assert len(await everything(store, meter)) == len(before) + 1
    store.close()


def test_what_is_no_backup_is_not_brought_back(tmp_path: Path) -> None:
    store, bad = tmp_path / "store.db", tmp_path / "bad.db"
    SqliteStore(store).close()
    before = store.read_bytes()
    for content in (b"", b"no database", before[: len(before) // 2]):
        bad.write_bytes(content)
        with pytest.raises(StoreRefusedError):
            restore(bad, store, LATER)
    assert store.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.db", "store.db"]


def test_a_store_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    SqliteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=999")
    connection.close()
    with pytest.raises(StoreError, match="newer"):
        SqliteStore(path)


async def test_pruning_says_when_nothing_of_that_age_is_left(store: Store) -> None:
    await enrol(store)
    await fill(store, 10, lambda energy, access: plain(energy, access))
    for number in range(20, 40):
        await store.take(SERIAL, batch(reading(number, ADDRESS, taken=START + number * HOUR)), LATER)
    pieces = [await store.prune(raw_before=END, readings_before=None, limit=7) for _ in range(5)]
    assert [piece.is_complete for piece in pieces] == [False] * 4 + [True]
    assert [piece.raw for piece in pieces] == [7, 3, 0, 0, 0]
    gone = [await store.prune(raw_before=None, readings_before=END, limit=15) for _ in range(3)]
    assert sum(piece.readings for piece in gone) == 30
    assert gone[-1].is_complete
    assert [piece.is_complete for piece in gone] == [
        not piece.readings or piece.readings == 30 for piece in gone
    ]


async def test_room_that_was_freed_goes_back_to_the_disk(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    await enrol(store)
    await fill(store, 600, lambda energy, access: telegram(energy=energy * 7919, access=access))
    full = await store.extent()
    assert full.newest == START + 599 * HOUR
    await store.prune(raw_before=None, readings_before=END, limit=1000)
    freed = await store.extent()
    assert (freed.size, freed.newest) == (full.size, None)
    assert freed.unused > 0
    left = [await store.shrink(pages=1)]
    while left[-1]:
        left.append(await store.shrink(pages=5))
    assert len(left) > 2
    after = await store.extent()
    assert (after.size, after.unused) == (full.size - freed.unused, 0)
    store.close()


async def test_old_tokens_and_certificates_are_forgotten_but_the_last_of_a_master_stays(store: Store) -> None:
    day = timedelta(days=1)
    await enrol(store)
    await store.add_token(b"lapsed", START + day, "", START)
    await store.add_token(b"open", END, "", START)
    await store.add_certificate("M1", 1, START + day, START)
    await store.add_certificate("M1", 2, START + 2 * day, START)
    await store.add_certificate("M2", 3, END, START)
    assert await store.forget_lapsed(START) == 0
    assert await store.forget_lapsed(START + 30 * day) == 3
    assert [token.hash for token in await store.tokens()] == [b"open"]
    assert [one.number for one in await store.certificates("M1")] == [2]
    assert [one.number for one in await store.certificates("M2")] == [3]


async def test_what_comes_from_a_meter_whose_key_does_not_open_any_more_is_kept_and_decoded_later(
    store: Store, opened: Callable[[], Store], tmp_path: Path
) -> None:
    await enrol(store)
    meter = await fill(store, 1)
    await store.set_key(meter, KEY)
    store.close()
    good = (tmp_path / "keys").read_bytes()
    (tmp_path / "keys").write_bytes(bytes(32))
    store = opened()
    await store.take(SERIAL, batch(reading(99, ADDRESS, [encrypted(7, 7)], taken=START + HOUR)), LATER)
    assert "no key" in (await everything(store, meter))[-1].decoded[0].error
    store.close()
    (tmp_path / "keys").write_bytes(good)
    store = opened()
    await store.redecode_meter(meter)
    assert (await everything(store, meter))[-1].value(ENERGY) == 7000


async def test_a_key_that_another_process_stores_counts_at_once(
    store: Store, opened: Callable[[], Store]
) -> None:
    await enrol(store)
    meter = await fill(store, 1)
    await opened().set_key(meter, KEY)
    await store.take(SERIAL, batch(reading(99, ADDRESS, [encrypted(7, 7)], taken=START + HOUR)), LATER)
    assert (await everything(store, meter))[-1].value(ENERGY) == 7000
