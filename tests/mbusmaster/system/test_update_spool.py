"""The folder where release files wait: bounded, one at a time, and nothing of one that broke off."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from mbusmaster.system import update_spool
from mbusmaster.system.update import UpdateError
from mbusmaster.system.update_spool import Spool
from support.virtual_time import in_virtual_time

NAME = "MBMC2022_release_0012.tar"


async def of(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def at_once(work: Callable[..., Any], *arguments: Any) -> Any:
    return work(*arguments)


async def refused(spool: Spool, content: AsyncIterator[bytes], size: int | None = None) -> str:
    with pytest.raises(UpdateError) as error:
        await spool.receive(NAME, content, size)
    assert not names(spool.folder)
    return error.value.text.template


async def test_a_file_is_stored_whole_in_place_of_all_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "MBMC2022_release_0011.tar").touch()
    (tmp_path / "left").mkdir()
    (tmp_path / "link").symlink_to("/nonexistent")
    told: list[int] = []
    path = await Spool(tmp_path).receive(NAME, of(b"a" * (1 << 20), b"b", b""), (1 << 20) + 1, told.append)
    assert path.read_bytes() == b"a" * (1 << 20) + b"b"
    assert names(tmp_path) == [NAME]
    assert told == [99, 100]


async def test_a_file_that_is_too_big_is_refused_by_what_is_said_of_it_and_by_what_comes(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path, most=1000)
    assert await refused(spool, of(b"x"), 2 << 30) == update_spool.TOO_BIG
    assert await refused(spool, of(b"x" * 600, b"x" * 600)) == update_spool.TOO_BIG


async def test_a_file_for_which_there_is_no_room_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update_spool, "SPARE", 1 << 60)
    assert await refused(Spool(tmp_path), of(b"x")) == update_spool.NO_ROOM


async def test_a_file_that_ends_early_is_refused(tmp_path: Path) -> None:
    assert await refused(Spool(tmp_path), of(b"x"), 2) == update_spool.BROKEN_OFF


async def test_a_sender_that_stalls_is_left(tmp_path: Path) -> None:
    async def stalling() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    assert await refused(Spool(tmp_path, stall=0.01), stalling()) == update_spool.STALLED


@in_virtual_time
async def test_a_sender_that_drips_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dripping() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(50)
            yield b"x"

    monkeypatch.setattr(asyncio, "to_thread", at_once)
    assert await refused(Spool(tmp_path), dripping()) == update_spool.TOO_SLOW


async def test_a_sender_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * (2 << 20)
        raise ConnectionResetError("gone")

    with pytest.raises(UpdateError):
        await Spool(tmp_path).receive(NAME, breaking())
    assert not names(tmp_path)


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UpdateError) as error:
        await Spool(tmp_path / "file").receive(NAME, of(b"x"))
    assert error.value.text.template == update_spool.NOT_WRITTEN


async def test_a_fetched_file_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    await spool.clean()
    (spool.folder / "old").touch()
    (tmp_path / NAME).touch()
    assert await spool.take(tmp_path / NAME) == spool.folder / NAME
    assert names(spool.folder) == [NAME]


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]
