"""Months of a store in an archive, and back."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mbusheadend.archive import files
from mbusheadend.archive.archivist import Archived
from mbusheadend.archive.errors import ArchiveError
from mbusheadend.archive.manifest import NAME, folder_of
from mbusheadend.archive.months import Month
from mbusheadend.archive.places import Folder
from mbusheadend.archive.restoring import readings_in
from mbusheadend.store import Store, StoredReading
from support.headend_archive import AUGUST, BEGAN, ENDED, JULY, LATER, all_of, archivist, filled
from support.headend_messages import SERIAL, batch, enrol, reading
from support.headend_meters import ADDRESS, KEY, encrypted, number_of, telegram

DAY = timedelta(days=1)


def named(found: dict[tuple[str, str], StoredReading]) -> dict[tuple[str, str], StoredReading]:
    """Leave out the numbers of meters, which are a store's own."""
    return {key: replace(one, meter=0) for key, one in found.items()}


async def test_a_month_has_all_readings_with_all_that_the_store_knows_of_them(
    store: Store, tmp_path: Path
) -> None:
    await filled(store)
    archive = archivist(store, tmp_path / "archive")
    done = await archive.turn()
    everything = await all_of(store)
    assert done == Archived((JULY, AUGUST), len(everything), 0)
    assert await archive.months() == (JULY, AUGUST)
    manifest = await archive.manifest(JULY)
    assert manifest is not None
    archived = list(readings_in(Folder(tmp_path / "archive"), manifest))
    assert [(one.identity, one.reading.taken) for one in archived] == sorted(
        (one.identity, one.reading.taken) for one in archived
    )
    found = {(one.identity, one.reading.id): one.reading for one in archived}
    assert found == named(await all_of(store, JULY))
    assert {(one.bus, len(one.address)) for one in archived} == {("main", 16)}
    assert (manifest.readings, manifest.first) == (len(found), min(one.taken for one in found.values()))
    for month in (JULY, AUGUST):
        assert (await archive.check(month)).is_sound


async def test_a_month_is_written_once_and_not_before_its_time(store: Store, tmp_path: Path) -> None:
    await filled(store)
    archive = archivist(store, tmp_path / "archive", now=AUGUST.end)
    assert (await archive.turn()).months == (JULY,)
    assert await archive.turn() == Archived()
    assert (await archivist(store, tmp_path / "archive", now=AUGUST.end, wait_months=0).turn()).months == (
        AUGUST,
    )


async def test_what_comes_later_is_added_once_in_a_file_of_its_own(store: Store, tmp_path: Path) -> None:
    await filled(store)
    now = [LATER]
    archive = archivist(store, tmp_path / "archive", now=lambda: now[0])
    await archive.turn()
    count = len(await all_of(store, JULY))
    late = [
        reading(10**6 + day, ADDRESS, [telegram(energy=day)], taken=BEGAN + day * DAY) for day in range(3)
    ]
    await store.take(SERIAL, batch(*late), LATER)
    assert (await archive.check(JULY)).missing == 3
    now[0] = LATER + DAY
    assert await archive.turn() == Archived(late=3)
    assert await archive.turn() == Archived()
    manifest = await archive.manifest(JULY)
    assert manifest is not None
    assert (manifest.version, manifest.readings) == (2, count + 3)
    assert [one.readings for one in manifest.files] == [count, 3]
    assert (await archive.check(JULY)).is_sound


async def test_a_reading_of_a_clock_that_was_years_ahead_is_archived_at_once(
    store: Store, tmp_path: Path
) -> None:
    await enrol(store)
    await store.take(SERIAL, batch(reading(1, ADDRESS, [telegram()], taken=LATER + 3000 * DAY)), LATER)
    archive = archivist(store, tmp_path / "archive")
    assert (await archive.turn()).months == (Month.of(LATER + 3000 * DAY),)


async def test_what_a_run_that_was_broken_off_has_left_is_not_there_and_goes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(store, minutes=20)
    archive = archivist(store, tmp_path / "archive", file_size=1)
    monkeypatch.setattr(files, "GROUP", 100)
    real = os.replace
    names: list[str] = []

    def replaced(source: Path, target: Path) -> None:
        if len(names) == 1:
            raise OSError("the disk is full")
        names.append(Path(target).name)
        real(source, target)

    monkeypatch.setattr(os, "replace", replaced)
    with pytest.raises(ArchiveError, match="the disk is full"):
        await archive.turn()
    assert await archive.months() == ()
    monkeypatch.setattr(os, "replace", real)
    left = tmp_path / "archive" / folder_of("main", JULY) / "part-0001-99999.parquet"
    left.write_bytes(b"half a file")
    await archive.turn()
    assert not left.exists()
    assert (await archive.check(JULY)).is_sound
    assert (await archive.check(JULY)).unnamed == ()
    manifest = await archive.manifest(JULY)
    assert manifest is not None
    assert len(manifest.files) == 2
    assert names == ["part-0001-00000.parquet"]


async def test_a_file_that_was_changed_is_told_and_not_put_back(
    store: Store, other_store: Store, tmp_path: Path
) -> None:
    await filled(store)
    await archivist(store, tmp_path / "archive").turn()
    (path,) = (tmp_path / "archive" / folder_of("main", JULY)).glob("*.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    checked = await archivist(store, tmp_path / "archive").check(JULY)
    assert "part-0001-00000.parquet is not what was written" in checked.problems[0]
    with pytest.raises(ArchiveError, match="is not what was written"):
        await archivist(other_store, tmp_path / "archive").put_back(JULY)
    assert await all_of(other_store) == {}


async def test_a_manifest_that_was_changed_is_told(store: Store, tmp_path: Path) -> None:
    await filled(store)
    archive = archivist(store, tmp_path / "archive")
    await archive.turn()
    path = tmp_path / "archive" / folder_of("main", JULY) / NAME
    path.write_text(path.read_text().replace('"readings": ', '"readings": 1', 1))
    with pytest.raises(ArchiveError, match="is damaged"):
        await archive.manifest(JULY)


async def test_a_month_put_back_is_there_as_it_was_and_each_reading_once(
    store: Store, other_store: Store, tmp_path: Path
) -> None:
    await filled(store)
    await archivist(store, tmp_path / "archive").turn()
    wanted = named(await all_of(store, JULY))
    archive = archivist(other_store, tmp_path / "archive")
    assert await archive.put_back(JULY) == len(wanted)
    assert await archive.put_back(JULY) == 0
    assert named(await all_of(other_store)) == wanted
    newest = {one.identity: one.last_reading for one in await other_store.meters()}
    assert newest == {
        identity: max(one.taken for (of, _), one in wanted.items() if of == identity and one.outcome == "ok")
        for identity, _ in wanted
    }
    assert await other_store.masters() == ()


async def test_without_raw_telegrams_the_values_are_put_back(
    store: Store, other_store: Store, tmp_path: Path
) -> None:
    await filled(store)
    while not (await store.prune(raw_before=LATER, readings_before=None)).is_complete:
        pass
    await archivist(store, tmp_path / "archive").turn()
    wanted = named(await all_of(store))
    assert {one.telegrams for one in wanted.values() if one.decoded} == {None}
    archive = archivist(other_store, tmp_path / "archive")
    for month in (JULY, AUGUST):
        await archive.put_back(month)
    assert named(await all_of(other_store)) == wanted


async def test_values_of_an_encrypted_meter_are_put_back_where_its_key_is_not(
    store: Store, other_store: Store, tmp_path: Path
) -> None:
    await enrol(store)
    await store.take(SERIAL, batch(reading(1, ADDRESS, [encrypted(5, 1)], taken=BEGAN)), BEGAN)
    meter = await number_of(store)
    await store.set_key(meter, KEY)
    await store.redecode_meter(meter)
    await archivist(store, tmp_path / "archive").turn()
    await archivist(other_store, tmp_path / "archive").put_back(JULY)
    ((key, one),) = named(await all_of(other_store)).items()
    assert one.decoded[0].values[0].value == 5000
    assert {key: one} == named(await all_of(store))


async def test_the_store_may_give_up_what_is_in_the_archive_and_nothing_else(
    store: Store, tmp_path: Path
) -> None:
    await filled(store)
    archive = archivist(store, tmp_path / "archive", now=AUGUST.end)
    assert await archive.may_give_up(LATER) == JULY.begin
    await archive.turn()
    assert await archive.may_give_up(LATER) == AUGUST.begin
    assert await archive.may_give_up(BEGAN + DAY) == BEGAN + DAY
    late = reading(10**6, ADDRESS, [telegram()], taken=BEGAN)
    await store.take(SERIAL, batch(late), ENDED + DAY)
    assert await archive.may_give_up(AUGUST.begin) == AUGUST.begin
    later = archivist(store, tmp_path / "archive")
    assert await later.may_give_up(LATER) == AUGUST.begin
    (path,) = (tmp_path / "archive" / folder_of("main", JULY)).glob("*.parquet")
    path.unlink()
    with pytest.raises(ArchiveError, match="is not what was written"):
        await archive.may_give_up(LATER)


async def test_a_month_that_lacks_something_is_made_whole_when_it_is_written_again(
    store: Store, tmp_path: Path
) -> None:
    await filled(store)
    archive = archivist(store, tmp_path / "archive")
    await archive.turn()
    await store.set_archive_position(10**9)
    await store.take(SERIAL, batch(reading(10**6, ADDRESS, [telegram()], taken=BEGAN)), LATER)
    assert (await archive.check(JULY)).missing == 1
    assert await archive.write(JULY) == Archived(late=1)
    assert (await archive.check(JULY)).is_sound
