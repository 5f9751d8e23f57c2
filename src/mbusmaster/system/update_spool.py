"""The spool folder: where release files wait for the helper; never more than one, and nothing of one that broke off."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from mbusio.files import sync_file, sync_folder
from mbusmaster.system.update import MAX_SIZE, UpdateError
from mbusweb.texts import mark

TOO_BIG: Final = mark("The file is bigger than %(most)s MB: that is no release.")
NO_ROOM: Final = mark("There is no room for the file: %(need)s MB are needed, %(free)s MB are free.")
STALLED: Final = mark("Nothing more of the file came for %(seconds)s seconds. Send it again.")
TOO_SLOW: Final = mark(
    "The file comes too slowly, with less than %(rate)s kB in a second. Use a better connection."
)
BROKEN_OFF: Final = mark("The file did not come whole: the connection broke off. Send it again.")
NOT_WRITTEN: Final = mark("The file cannot be stored: %(why)s.")
SPARE: Final = 64 << 20
"""Bytes of the disk that are never used up."""
STALL_SECONDS: Final = 60.0
SLOWEST: Final = 16 * 1024
"""Bytes in a second, on average: nobody else can install anything meanwhile."""
_MB: Final = 1 << 20
_INCOMING: Final = ".incoming"


class Spool:
    """One folder, made where it is missing.

    :param most: bytes of a file.
    :param stall: seconds without a piece after which a file counts as broken off.
    """

    def __init__(self, folder: Path, *, most: int = MAX_SIZE, stall: float = STALL_SECONDS) -> None:
        self.folder = folder
        self._most = most
        self._stall = stall
        self._in_use = asyncio.Lock()

    async def clean(self) -> None:
        """Remove whatever is there; raise `OSError`."""
        async with self._in_use:
            await asyncio.to_thread(self._clear)

    def _clear(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    async def receive(
        self,
        name: str,
        content: AsyncIterator[bytes],
        size: int | None = None,
        told: Callable[[int], None] = lambda percent: None,
    ) -> Path:
        """Store a file that is wanted whole; raise `UpdateError`, and leave nothing of it then.

        :param name: a plain name, checked by the caller.
        :param size: in bytes, where it is known before.
        """
        async with self._in_use:
            return await self._receive(name, content, size, told)

    async def take(self, path: Path) -> Path:
        """Move a file of the same disk here, and remove what was here before. Raise `UpdateError`."""
        async with self._in_use:
            try:
                await asyncio.to_thread(self._clear)
                return await asyncio.to_thread(_put, path, self.folder / path.name)
            except OSError as error:
                raise UpdateError(NOT_WRITTEN, why=error.strerror or type(error).__name__) from error

    async def _receive(
        self, name: str, content: AsyncIterator[bytes], size: int | None, told: Callable[[int], None]
    ) -> Path:
        incoming = self.folder / _INCOMING
        try:
            if size is not None:
                self._check_size(size)
            await asyncio.to_thread(self._begin, incoming, size or 0)
            taken = await self._write(incoming, content, size, told)
            if taken < (size or 0):
                raise UpdateError(BROKEN_OFF)
            return await asyncio.to_thread(_put, incoming, self.folder / name)
        except OSError as error:
            raise UpdateError(NOT_WRITTEN, why=error.strerror or type(error).__name__) from error
        finally:
            with contextlib.suppress(OSError):
                incoming.unlink()

    async def _write(
        self, incoming: Path, content: AsyncIterator[bytes], size: int | None, told: Callable[[int], None]
    ) -> int:
        """Write what comes, a megabyte at a time."""
        waiting, taken = bytearray(), 0
        begun = asyncio.get_running_loop().time()
        while True:
            piece = await self._piece(content, begun + taken / SLOWEST)
            taken += len(piece or b"")
            self._check_size(taken)
            waiting += piece or b""
            if len(waiting) >= _MB or piece is None:
                await asyncio.to_thread(self._append, incoming, bytes(waiting))
                waiting.clear()
                told(100 * taken // size if size else 0)
            if piece is None:
                return taken

    async def _piece(self, content: AsyncIterator[bytes], slowest: float) -> bytes | None:
        """Give what comes next; None at the end.

        :param slowest: when all that is there would have come at the slowest rate; one silence more is allowed.
        """
        stalled = asyncio.get_running_loop().time() + self._stall
        too_late = slowest + self._stall
        try:
            async with asyncio.timeout_at(min(stalled, too_late)):
                return await anext(content, None)
        except TimeoutError:
            if too_late < stalled:
                raise UpdateError(TOO_SLOW, rate=SLOWEST // 1024) from None
            raise UpdateError(STALLED, seconds=round(self._stall)) from None

    def _begin(self, incoming: Path, size: int) -> None:
        self._clear()
        self._check_room(size)
        incoming.touch(0o644, exist_ok=False)

    def _append(self, incoming: Path, data: bytes) -> None:
        # Opened anew for each piece: a thread that goes on after its task was cancelled finds no file any more.
        self._check_room(len(data))
        with open(incoming, "ab", opener=_existing) as file:
            file.write(data)

    def _check_size(self, size: int) -> None:
        if size > self._most:
            raise UpdateError(TOO_BIG, most=self._most // _MB)

    def _check_room(self, size: int) -> None:
        disk = os.statvfs(self.folder)
        free = disk.f_bavail * disk.f_frsize
        if free < size + SPARE:
            raise UpdateError(NO_ROOM, need=(size + SPARE) // _MB, free=free // _MB)


def _existing(path: str, flags: int) -> int:
    return os.open(path, flags & ~os.O_CREAT)


def _put(incoming: Path, path: Path) -> Path:
    """Give the file its name, for good also after a power cut."""
    sync_file(incoming)
    os.replace(incoming, path)
    sync_folder(path.parent)
    return path
