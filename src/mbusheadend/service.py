"""The head-end as it runs: its doors, and behind them what works for each tenant (`mbusheadend.tenants.running`)."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mbusheadend.app import create_app
from mbusheadend.authority import Authority, server_names
from mbusheadend.bodies import Room
from mbusheadend.errors import HeadEndError
from mbusheadend.fleet.desk import Desk
from mbusheadend.health import Health
from mbusheadend.hosting_api import HostingApi
from mbusheadend.jobs import Jobs
from mbusheadend.led import kept_up
from mbusheadend.metrics import Metrics
from mbusheadend.rollout.runner import RolloutRunner
from mbusheadend.server import Server
from mbusheadend.settings import Settings, url_of
from mbusheadend.state import store_of, utc_now
from mbusheadend.store import Store, StoreError
from mbusheadend.tenants.house import House, MastersOfAll
from mbusheadend.tenants.registry import registry_of, settings_of
from mbusheadend.tenants.running import Ground, Running
from mbusheadend.tenants.tenant import THE_ONLY_ONE, Tenant
from mbusheadend.tunnel import Tunnels
from mbusheadend.upkeep import Upkeep
from mbusheadend.watch.watcher import Watcher
from mbusheadend.web.wiring import Pages
from mbusweb.access import Access

if TYPE_CHECKING:
    from mbusheadend.between import Between
    from mbusheadend.stream.service import StreamService

LOOK_SECONDS: Final = 3600.0
"""Between two looks at the age of the server's certificate."""

_log = logging.getLogger(__name__)


class HeadEnd:
    """A running head-end; construct it in the event loop. Raise `HeadEndError`.

    :ivar main: the tenant that is always there; `house` has all.
    :param now: gives the time.
    :param settings_file: goes into backups where there is such a file.
    """

    def __init__(
        self,
        settings: Settings,
        authority: Authority,
        store: Store,
        now: Callable[[], datetime] = utc_now,
        *,
        settings_file: Path | None = None,
    ) -> None:
        self._settings = settings
        self._authority = authority
        self._now = now
        self._names = server_names(settings.web_names_all)
        self._between = _between(settings)
        ground = Ground(authority, now, settings_file, Room(), lambda: self.url, self._between)
        self._ground = ground
        tenant = THE_ONLY_ONE
        if settings.store is not None:
            tenant = tenant.model_copy(update={"id": settings.store.tenant})
        self.main = Running(ground, settings, store, tenant)
        self.house = House(self.main, registry_of(settings), self._open, self._close)
        self._context = authority.server_context(self._names, now())
        health = Health(store, self.main.stream)
        self._server = Server(
            MastersOfAll(self.house, create_app([*self.main.routes(), *health.routes()])),
            self._context,
            self._close_calls,
            most=settings.most_connections,
            most_per_source=settings.most_per_source,
        )
        self._pages: Pages | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def api(self) -> HostingApi:
        """What masters call, of the main tenant, as all of the following."""
        return self.main.api

    @property
    def access(self) -> Access:
        """Its users."""
        return self.main.access

    @property
    def upkeep(self) -> Upkeep:
        """Looks after the store."""
        return self.main.upkeep

    @property
    def metrics(self) -> Metrics:
        """Figures for Prometheus."""
        return self.main.metrics

    @property
    def jobs(self) -> Jobs:
        """Of people."""
        return self.main.jobs

    @property
    def watcher(self) -> Watcher:
        """Looks after masters, meters and readings."""
        return self.main.watcher

    @property
    def stream(self) -> "StreamService | None":
        """Takes uploads in the place of the store; None where the store does."""
        return self.main.stream

    @property
    def rollouts(self) -> RolloutRunner:
        """Goes on with rollouts of releases."""
        return self.main.rollouts

    @property
    def tunnels(self) -> Tunnels:
        """Through which operators read the buses of masters."""
        return self.main.tunnels

    @property
    def desk(self) -> Desk:
        """What the actions of the fleet work with; there once it has started."""
        return self.main.desk

    @property
    def url(self) -> str:
        """What masters call."""
        return url_of(self._settings, self._server.places[0][1])

    @property
    def web_url(self) -> str:
        """Where people find the pages; empty where there are none."""
        return self._pages.url if self._pages is not None else ""

    @property
    def first_user_url(self) -> str:
        """Where the first administrator is made, a secret; empty as soon as there is a user."""
        return self._pages.first_user_url if self._pages is not None else ""

    def start(self) -> None:
        """Begin to listen. Raise `HeadEndError`; `stop` is needed then, too."""
        self.main.access.open()
        self._server.start(self._settings.places)
        _log.info("masters call %s", self.url)
        if self._settings.web_listen:
            # The pages say what masters call, which has a port only now.
            self._pages = Pages(self._settings, self._authority, self.house, self._now)
            self._pages.start()
            _log.info("the web pages are at %s", self.web_url)
        self.main.start()
        works = [self._keep_certificates]
        if self.main.tenant.is_main:
            works.append(self.house.run)
        self._tasks = [asyncio.create_task(kept_up(work)) for work in works]

    async def stop(self) -> None:
        """End; the store is left open."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for one in self.house.all():
            await one.close_tunnels()
        if self._pages is not None:
            await self._pages.stop()
        await self.main.stop()
        await self._server.stop()
        await self.house.stop()
        await self.main.close()
        if self._between is not None:
            self._between.close()

    def refresh_certificates(self) -> None:
        """Renew certificates whose time it is, and take over files that are others now, for the next handshakes."""
        try:
            if self._authority.refresh(self._context, self._names, self._now()):
                _log.info("the server has a new certificate")
            if self._pages is not None:
                self._pages.refresh()
        except HeadEndError as error:
            _log.error("%s", error)

    def _close_calls(self) -> None:
        for one in self.house.all():
            one.close_calls()

    async def _open(self, tenant: Tenant) -> Running:
        settings = settings_of(self._settings, tenant)
        store = await asyncio.to_thread(store_of, settings)
        try:
            there = Running(self._ground, settings, store, tenant)
        except BaseException:
            store.close()
            raise
        there.access.open()
        there.start()
        return there

    async def _close(self, there: Running) -> None:
        there.close_calls()
        await there.close_tunnels()
        await there.stop()
        await there.close()
        await asyncio.to_thread(there.store.close)

    async def _keep_certificates(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.refresh_certificates()


def _between(settings: Settings) -> "Between | None":
    if settings.store is None:
        return None
    # Its client is big, and not everybody has a server.
    from mbusheadend.between import Between

    try:
        return Between(settings.store)
    except StoreError as error:
        raise HeadEndError(str(error)) from error
