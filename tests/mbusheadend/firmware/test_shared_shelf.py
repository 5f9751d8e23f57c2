"""Releases of a head-end of several processes: what one takes in, all have."""

import asyncio
from pathlib import Path

import pytest

from mbusheadend.firmware import FirmwareError, Shelf
from mbusheadend.firmware.shared import SharedShelf
from mbusheadend.store import StoreError
from mbusheadend.store.sqlite.store import SqliteStore
from support.releases import NOW, ReleaseMaker


@pytest.fixture
def maker(tmp_path: Path) -> ReleaseMaker:
    return ReleaseMaker(tmp_path / "made")


def files(shelf: Shelf, number: str = "0042") -> dict[str, bytes]:
    folder = shelf.folder / number
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_a_release_that_one_process_takes_in_comes_to_all_whole(
    tmp_path: Path, maker: ReleaseMaker
) -> None:
    store = SqliteStore(tmp_path / "store.db")
    told: list[str] = []
    one = SharedShelf(tmp_path / "one", store, lambda: told.append("told"))
    other = SharedShelf(tmp_path / "other", store)
    await one.follow()
    held = await asyncio.to_thread(one.add, maker.good(), NOW, root=maker.root)
    assert told == ["told"]
    await other.follow()
    assert other.releases() == (held,)
    assert files(other) == files(one)
    assert other.has_root

    changed = await asyncio.to_thread(other.offer, 42, ["cellar"])
    await one.follow()
    assert one.releases() == (changed,)

    await asyncio.to_thread(one.remove, 42)
    await other.follow()
    assert other.releases() == ()
    assert [path.name for path in other.folder.iterdir() if path.name.startswith(".")] == []
    store.close()


async def test_releases_of_one_process_are_those_of_all_when_there_are_several(
    tmp_path: Path, maker: ReleaseMaker
) -> None:
    store = SqliteStore(tmp_path / "store.db")
    Shelf(tmp_path / "one").add(maker.good(), NOW, root=maker.root)
    one, other = SharedShelf(tmp_path / "one", store), SharedShelf(tmp_path / "other", store)
    await one.follow()
    await other.follow()
    assert files(other) == files(one)
    store.close()


async def test_a_release_that_the_store_cannot_keep_is_not_taken_in(
    tmp_path: Path, maker: ReleaseMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(tmp_path / "store.db")
    shelf = SharedShelf(tmp_path / "one", store)
    await shelf.follow()

    async def fails(*_arguments: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(store, "put_release", fails)
    with pytest.raises(FirmwareError, match="the disk is full"):
        await asyncio.to_thread(shelf.add, maker.good(), NOW, root=maker.root)
    assert shelf.releases() == ()
    store.close()
