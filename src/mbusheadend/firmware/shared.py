"""Releases for masters where a head-end has several processes: the store keeps them, each process has a copy in its folder.

What a process takes in, changes or removes goes into the store before anybody is told that it is done; the others follow when
they are nudged, or within a minute. What was checked before (`trust/`) stays with the process that checked it.
"""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from mbusheadend.firmware.releases import FirmwareError, Held
from mbusheadend.firmware.shelf import HELD_FILE, ROOT_FILE, Shelf, is_file_of_release
from mbusheadend.store import Store, StoreError
from mbusheadend.store.shared import FilePart
from mbusio.files import EVERYBODY_READS, sync_file, write_atomically
from mbusweb.texts import Text, mark

T = TypeVar("T")
LOOK_SECONDS: Final = 60.0
PIECE: Final = 256 * 1024
NOTE: Final = "release root"
"""Of the store: whose releases are taken in; empty as long as nobody has said it."""
NOT_KEPT: Final = mark("The store cannot keep the release: %(why)s.")
_FETCH: Final = ".fetching-"

_log = logging.getLogger(__name__)


class SharedShelf(Shelf):
    """`Shelf` over a store; construct it in the event loop, and call what blocks in threads of others.

    :param told: tells the other processes that something has changed.
    """

    def __init__(self, state: Path, store: Store, told: Callable[[], None] = lambda: None) -> None:
        super().__init__(state)
        self._store = store
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._changing = asyncio.Lock()
        self._wake = asyncio.Event()

    def add(
        self,
        file: Path,
        now: datetime,
        *,
        root: Path | None = None,
        groups: Iterable[str] | None = None,
        name: str | None = None,
    ) -> Held:
        """See `Shelf.add`."""
        with self._alone_here():
            self._do(self._follow())
            held = super().add(file, now, root=root, groups=groups, name=name)
            try:
                self._do(self._keep(held))
            except FirmwareError:
                super().remove(held.number)
                raise
        self._told()
        return held

    def offer(self, number: int, groups: Iterable[str] | None) -> Held:
        """See `Shelf.offer`."""
        with self._alone_here():
            self._do(self._follow())
            held = super().offer(number, groups)
            self._do(self._store.put_release(number, held.model_dump_json(), None))
        self._told()
        return held

    def remove(self, number: int) -> None:
        """See `Shelf.remove`."""
        with self._alone_here():
            self._do(self._follow())
            super().remove(number)
            self._do(self._store.delete_release(number))
        self._told()

    def look(self) -> None:
        """Another process has changed something."""
        self._wake.set()

    async def run(self) -> None:
        """Follow the store until cancelled."""
        while True:
            try:
                await self.follow()
            except (StoreError, FirmwareError, OSError) as error:
                _log.error("the releases may be old ones: %s", error)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def follow(self) -> None:
        """Make the folder what the store says. Raise `StoreError`, `FirmwareError`, `OSError`."""
        async with self._changing:
            await self._follow()

    async def _follow(self) -> None:
        root = await self._store.read_note(NOTE)
        here = {one.number: one for one in await asyncio.to_thread(self.releases)}
        if root is None:
            # A head-end of one process begins to have several: what it has is theirs.
            for held in here.values():
                await self._keep(held)
            await self._store.write_note(NOTE, await asyncio.to_thread(self._root_text))
            return
        await asyncio.to_thread(self._take_root, root)
        kept = await self._store.kept_releases()
        for number in here.keys() - kept.keys():
            await asyncio.to_thread(super().remove, number)
        for number, facts in sorted(kept.items()):
            try:
                held = Held.model_validate_json(facts)
            except ValidationError:
                _log.error("what the store knows of release %04d cannot be read", number)
                continue
            if number not in here:
                await self._fetch(held)
            elif here[number] != held:
                await asyncio.to_thread(super().offer, number, held.groups)

    async def _keep(self, held: Held) -> None:
        folder = self._place(held.number)
        await self._store.put_release(held.number, held.model_dump_json(), lambda: _pieces(folder))
        await self._store.write_note(NOTE, await asyncio.to_thread(self._root_text))

    async def _fetch(self, held: Held) -> None:
        await asyncio.to_thread(self._clear)
        work = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=_FETCH, dir=self.folder))
        for path, number in await self._store.release_parts(held.number):
            if not is_file_of_release(path):
                raise FirmwareError(Text(NOT_KEPT, {"why": f"{path[:80]!r} is no file of a release"}))
            body = await self._store.release_part(held.number, path, number)
            await asyncio.to_thread(_append, work / path, body)
        await asyncio.to_thread(self._put, work, held)
        _log.info("release %s is here, too", held.shown)

    def _put(self, work: Path, held: Held) -> None:
        (work / HELD_FILE).write_text(held.model_dump_json(indent=1))
        for path in work.rglob("*"):
            if path.is_file():
                sync_file(path)
        work.chmod(0o755)
        with self._alone():
            work.rename(self._place(held.number))

    def _clear(self) -> None:
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        for left in self.folder.glob(f"{_FETCH}*"):
            shutil.rmtree(left, ignore_errors=True)

    def _root_text(self) -> str:
        path = self.folder / ROOT_FILE
        return path.read_text() if path.is_file() else ""

    def _take_root(self, text: str) -> None:
        path = self.folder / ROOT_FILE
        if text and not path.is_file():
            self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            write_atomically(path, text.encode(), EVERYBODY_READS)

    @contextmanager
    def _alone_here(self) -> Iterator[None]:
        """Keep the others of this process from the folder; for a thread that is not the loop's."""
        self._do(self._changing.acquire())
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._changing.release)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except StoreError as error:
            raise FirmwareError(Text(NOT_KEPT, {"why": str(error)})) from error


def _pieces(folder: Path) -> Iterator[FilePart]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        with path.open("rb") as file:
            number = 0
            while piece := file.read(PIECE):
                yield FilePart(name, number, piece)
                number += 1


def _append(path: Path, body: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.write(body)
