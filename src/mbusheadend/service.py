"""The head-end as it runs: the only place that wires its parts."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbusheadend.app import create_app
from mbusheadend.authority import Authority, open_authority, server_names
from mbusheadend.bodies import Room
from mbusheadend.errors import HeadEndError
from mbusheadend.est import Est
from mbusheadend.hosting_api import HostingApi
from mbusheadend.server import Server
from mbusheadend.settings import Settings
from mbusheadend.store import Store, StoreError

DATABASE: Final = "headend.sqlite"
AUTHORITY_FOLDER: Final = "authority"
LOOK_SECONDS: Final = 3600.0
"""Between two looks at the age of the server's certificate."""

_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """Give the time."""
    return datetime.now(UTC)


def open_store(state: Path) -> Store:
    """Open the store in a state folder. Raise `HeadEndError`."""
    # SQLite may be replaced by another store: only here it is named.
    from mbusheadend.store.sqlite.store import SqliteStore

    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        return SqliteStore(state / DATABASE)
    except OSError as error:
        raise HeadEndError(
            f"cannot use the state folder {state}: {error.strerror}; name another one with --state"
        ) from error
    except StoreError as error:
        raise HeadEndError(str(error)) from error


def authority_of(state: Path) -> Authority:
    """Open the authority in a state folder. Raise `HeadEndError`."""
    return open_authority(state / AUTHORITY_FOLDER, utc_now())


class HeadEnd:
    """A running head-end; construct it in the event loop.

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
        self._keeper: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """What masters call."""
        return url_of(self._settings, self._server.places[0][1])

    def start(self) -> None:
        """Begin to listen. Raise `HeadEndError`."""
        self._server.start(self._settings.places)
        self._keeper = asyncio.create_task(self._keep_certificate())
        _log.info("masters call %s", self.url)

    async def stop(self) -> None:
        """End; the store is left open."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        await self._server.stop()

    async def _keep_certificate(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if self._authority.refresh(self._context, self._names, self._now()):
                    _log.info("the server has a new certificate")
            except HeadEndError as error:
                _log.error("%s", error)


def url_of(settings: Settings, port: int) -> str:
    """Give what masters call."""
    name = settings.all_names[0]
    host = f"[{name}]" if ":" in name and not name.startswith("[") else name
    return f"https://{host}" if port == 443 else f"https://{host}:{port}"
