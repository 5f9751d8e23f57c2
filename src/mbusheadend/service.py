"""The head-end as it runs: the only place that wires its parts."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.core import Metric

from mbusheadend.app import create_app
from mbusheadend.archive.opening import open_archive
from mbusheadend.audit_kinds import AuditKind
from mbusheadend.authority import Authority, server_names
from mbusheadend.backup import BackupDesk
from mbusheadend.bodies import Room
from mbusheadend.errors import HeadEndError
from mbusheadend.est import Est
from mbusheadend.firmware import Shelf
from mbusheadend.firmware.serving import FirmwareApi
from mbusheadend.fleet.day import Day
from mbusheadend.fleet.desk import Desk
from mbusheadend.fleet.settings_desk import SettingsDesk
from mbusheadend.health import Health
from mbusheadend.hosting_api import HostingApi
from mbusheadend.jobs import Jobs
from mbusheadend.metrics import Metrics
from mbusheadend.rollout.desk import RolloutDesk
from mbusheadend.rollout.runner import RolloutRunner
from mbusheadend.server import Server
from mbusheadend.settings import Settings, url_of
from mbusheadend.state import utc_now
from mbusheadend.store import Store
from mbusheadend.tunnel import CourierHere, TunnelApi, Tunnels
from mbusheadend.upkeep import Upkeep
from mbusheadend.watch.watcher import Watcher
from mbusheadend.web.first_admin import FirstAdmin
from mbusheadend.web.services import Services
from mbusheadend.web.wiring import Pages, access_of

if TYPE_CHECKING:
    from mbusheadend.stream.service import StreamService

LOOK_SECONDS: Final = 3600.0
"""Between two looks at the age of the server's certificate."""

AGAIN_SECONDS: Final = 60.0
"""After which a part begins again that has failed."""

_log = logging.getLogger(__name__)


class HeadEnd:
    """A running head-end; construct it in the event loop.

    :ivar upkeep: looks after the store.
    :ivar metrics: figures for Prometheus.
    :ivar jobs: of people, that take longer than a moment.
    :ivar watcher: looks after masters, meters and readings.
    :ivar stream: takes uploads in the place of the store; None where the store does.
    :ivar rollouts: goes on with rollouts of releases.
    :ivar tunnels: through which operators read the buses of masters.
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
        self._settings_file = settings_file
        self._store = store
        self._authority = authority
        self._now = now
        self._names = server_names(settings.web_names_all)
        room = Room()
        self._access = access_of(settings, now)
        self.jobs = Jobs(now)
        self.watcher = Watcher(store, now, settings.state_folder, name=lambda: settings.all_names[0])
        self.stream = self._make_stream()
        self._api = HostingApi(
            store,
            now,
            room,
            stored=self.watcher.readings_came,
            took=lambda batch: self.metrics.took(batch),
            stream=None if self.stream is None else self.stream.intake,
        )
        est = Est(authority, store, now, room, settings.master_days)
        self._shelf = Shelf(settings.state_folder)
        self.rollouts = RolloutRunner(store, self._shelf, now)
        self._rollout_desk = RolloutDesk(store, self._shelf, now, self.rollouts.look)
        firmware = FirmwareApi(self._shelf, store, now, self._rollout_desk.word_for)
        courier = CourierHere()
        self.tunnels = Tunnels(
            store,
            courier,
            settings.tunnel,
            now,
            self._api.presence.is_connected,
            lambda who, source, detail: self._access.audit.record(
                AuditKind.TUNNEL, who=who, source=source, detail=detail
            ),
        )
        self._tunnel_api = TunnelApi(store, courier, now)
        self._access.on_change(self.tunnels.look)
        self._context = authority.server_context(self._names, now())
        health = Health(store, self.stream)
        app = create_app(
            [
                *est.routes(),
                *self._api.routes(),
                *firmware.routes(),
                *self._tunnel_api.routes(),
                *health.routes(),
            ]
        )
        self._server = Server(
            app,
            self._context,
            self._api.close,
            most=settings.most_connections,
            most_per_source=settings.most_per_source,
        )
        self.upkeep = Upkeep(
            store,
            settings.keep,
            now,
            archive=(lambda: open_archive(settings.archive, store, now)) if settings.archive.place else None,
            is_archived_first=settings.archive.before_prune,
        )
        self._day = Day(store, now)
        self.metrics = Metrics(
            store,
            now,
            self._day,
            self.jobs,
            self.upkeep,
            self._api.presence.count,
            self._api.uploads,
            more=self._more_figures,
        )
        self._first_admin = FirstAdmin(self._access)
        self._pages: Pages | None = None
        self._background: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = (
            self._keep_certificates,
            self._access.watch,
            self.upkeep.run,
            self.watcher.run,
            self.rollouts.run,
            *([] if self.stream is None else [self.stream.run]),
        )
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        """What masters call."""
        return url_of(self._settings, self._server.places[0][1])

    @property
    def desk(self) -> Desk:
        """What the actions of the fleet work with; there once it has started."""
        return Desk(self._store, self._now, self._api.presence.is_connected, self._day, self.url)

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
        self._access.open()
        self._server.start(self._settings.places)
        _log.info("masters call %s", self.url)
        if self._settings.web_listen:
            # The pages say what masters call, which has a port only now.
            self._pages = Pages(self._settings, self._authority, self._services())
            self._pages.start()
            _log.info("the web pages are at %s", self.web_url)
        self._tasks = [asyncio.create_task(_kept_up(work)) for work in self._background]

    async def stop(self) -> None:
        """End; the store is left open."""
        await self.tunnels.close()
        self._tunnel_api.close()
        if self._pages is not None:
            await self._pages.stop()
        await self.jobs.close()
        await self._day.close()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._server.stop()
        if self.stream is not None:
            await self.stream.close()
        self._access.close()

    def _make_stream(self) -> "StreamService | None":
        if self._settings.stream is None:
            return None
        # Its client is big, and not everybody has a stream.
        try:
            from mbusheadend.stream.service import StreamService
        except ImportError as error:
            raise HeadEndError("the stream needs its client: pip install 'mbusmaster[stream]'") from error
        return StreamService(self._settings.stream, self._store, self._now, stored=self.watcher.readings_came)

    def _services(self) -> Services:
        return Services(
            store=self._store,
            access=self._access,
            audit=self._access.audit,
            jobs=self.jobs,
            settings=self._settings,
            authority=self._authority,
            presence=self._api.presence,
            desk=self.desk,
            backups=BackupDesk(
                self._store, self._authority, self._settings.state_folder, self._now, self._settings_file
            ),
            metrics=self.metrics,
            watcher=self.watcher,
            upkeep=self.upkeep,
            first_admin=self._first_admin,
            firmware=self._shelf,
            rollouts=self._rollout_desk,
            fleet_settings=SettingsDesk(self._store, self._now),
            tunnels=self.tunnels,
            now=self._now,
        )

    def _more_figures(self) -> Iterator[Metric]:
        yield from self.tunnels.figures().metrics()
        if self.stream is not None:
            yield from self.stream.figures.metrics()

    def refresh_certificates(self) -> None:
        """Renew certificates whose time it is, and take over files that are others now, for the next handshakes."""
        try:
            if self._authority.refresh(self._context, self._names, self._now()):
                _log.info("the server has a new certificate")
            if self._pages is not None:
                self._pages.refresh()
        except HeadEndError as error:
            _log.error("%s", error)

    async def _keep_certificates(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.refresh_certificates()


async def _kept_up(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do a work for ever: what nobody thought of is logged, ends nothing else, and the work begins again."""
    while True:
        try:
            await work()
        except Exception:
            _log.exception("%s has failed", work.__qualname__)
        await asyncio.sleep(AGAIN_SECONDS)
