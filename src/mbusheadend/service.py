"""The head-end as it runs: the only place that wires its parts."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from mbusheadend.app import create_app
from mbusheadend.authority import Authority, server_names
from mbusheadend.bodies import Room
from mbusheadend.errors import HeadEndError
from mbusheadend.est import Est
from mbusheadend.hosting_api import HostingApi
from mbusheadend.server import Server
from mbusheadend.settings import Settings, url_of
from mbusheadend.state import utc_now
from mbusheadend.store import Store
from mbusheadend.upkeep import Upkeep

LOOK_SECONDS: Final = 3600.0
"""Between two looks at the age of the server's certificate."""

_log = logging.getLogger(__name__)


class HeadEnd:
    """A running head-end; construct it in the event loop.

    :ivar upkeep: looks after the store.
    :param now: gives the time.
    """

    def __init__(
        self, settings: Settings, authority: Authority, store: Store, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._settings = settings
        self._authority = authority
        self._now = now
        self._names = server_names(settings.all_names)
        room = Room()
        self._api = HostingApi(store, now, room)
        est = Est(authority, store, now, room, settings.master_days)
        self._context = authority.server_context(self._names, now())
        app = create_app([*est.routes(), *self._api.routes()])
        self._server = Server(app, self._context, self._api.close)
        self.upkeep = Upkeep(store, settings.keep, now)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        """What masters call."""
        return url_of(self._settings, self._server.places[0][1])

    def start(self) -> None:
        """Begin to listen. Raise `HeadEndError`."""
        self._server.start(self._settings.places)
        self._tasks = [
            asyncio.create_task(self._keep_certificate()),
            asyncio.create_task(self.upkeep.run()),
        ]
        _log.info("masters call %s", self.url)

    async def stop(self) -> None:
        """End; the store is left open."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._server.stop()

    async def _keep_certificate(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if self._authority.refresh(self._context, self._names, self._now()):
                    _log.info("the server has a new certificate")
            except HeadEndError as error:
                _log.error("%s", error)
