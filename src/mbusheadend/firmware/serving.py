"""What masters ask for releases, each with its certificate; and what each is given."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from mbusheadend.errors import RefusedError
from mbusheadend.firmware.offering import number_of, offered
from mbusheadend.firmware.releases import FirmwareError
from mbusheadend.firmware.shelf import Shelf
from mbusheadend.peers import Gate
from mbusheadend.rollout.offers import SILENT, Word
from mbusheadend.store import Store
from mbushosting.contact import RefusalCode
from mbushosting.firmware import FIRMWARE
from mbusreleases.verify import METADATA, TARGETS

MAX_DOWNLOADS: Final = 50
"""Of releases at a time; the next are asked to come again."""
AGAIN_SECONDS: Final = 600


class FirmwareApi:
    """The endpoints for releases.

    :param word_for: says what rollouts decide for a master; None where there are none.
    """

    def __init__(
        self,
        shelf: Shelf,
        store: Store,
        now: Callable[[], datetime],
        word_for: Callable[[str], Awaitable[Word]] | None = None,
    ) -> None:
        self._word_for = word_for
        self._shelf = shelf
        self._store = store
        self._now = now
        self._gate = Gate(store, now)
        self._downloads = 0

    def routes(self) -> list[Route]:
        """Give the endpoints."""
        return [
            Route(f"{FIRMWARE}/{METADATA}/{{name}}", self._metadata, methods=["GET"]),
            Route(f"{FIRMWARE}/{TARGETS}/{{name}}", self._target, methods=["GET"]),
        ]

    async def _metadata(self, request: Request) -> Response:
        return FileResponse(await self._file(request, METADATA), media_type="application/json")

    async def _target(self, request: Request) -> Response:
        path = await self._file(request, TARGETS)
        if self._downloads >= MAX_DOWNLOADS:
            raise RefusedError(
                503, RefusalCode.BUSY, "too many releases are fetched now", retry_after=AGAIN_SECONDS
            )
        return _Download(path, self._count)

    async def _file(self, request: Request, kind: str) -> Path:
        """Give what a master asks for; only the timestamp depends on who it is."""
        peer = await self._gate.admit(request)
        master = await self._store.master(peer.serial)
        running = number_of(master.contact.release) if master.contact else 0
        name, groups, now = str(request.path_params["name"]), master.groups, self._now()

        word = await self._word_for(peer.serial) if self._word_for else SILENT

        def look() -> Path | None:
            return self._shelf.file(offered(self._shelf.releases(), groups, running, now, word), kind, name)

        try:
            path = await asyncio.to_thread(look)
        except FirmwareError as error:
            raise RefusedError(
                503, RefusalCode.TROUBLE, "the releases cannot be read now", retry_after=AGAIN_SECONDS
            ) from error
        if path is None:
            raise RefusedError(404, RefusalCode.MALFORMED, "there is no such file")
        return path

    def _count(self, change: int) -> None:
        self._downloads += change


class _Download(FileResponse):
    """A release on its way; counted until it is there, or the master has gone."""

    def __init__(self, path: Path, count: Callable[[int], None]) -> None:
        super().__init__(path, media_type="application/octet-stream")
        self._count = count

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it."""
        self._count(1)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._count(-1)
