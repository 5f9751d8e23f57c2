"""One tenant of a running head-end: all that works over its store, wired here. The doors are those of `mbusheadend.service`."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.core import Metric
from starlette.routing import Route
from starlette.types import ASGIApp

from mbusheadend.app import create_app
from mbusheadend.archive.opening import open_archive
from mbusheadend.audit_kinds import AuditKind
from mbusheadend.authority import Authority
from mbusheadend.backup import BackupDesk
from mbusheadend.bodies import Room
from mbusheadend.courier import Courier
from mbusheadend.errors import HeadEndError
from mbusheadend.est import Est
from mbusheadend.firmware import Shelf
from mbusheadend.firmware.serving import FirmwareApi
from mbusheadend.firmware.shared import SharedShelf
from mbusheadend.fleet.day import Day
from mbusheadend.fleet.desk import Desk
from mbusheadend.fleet.settings_desk import SettingsDesk
from mbusheadend.gossip import Gossip
from mbusheadend.hosting_api import HostingApi
from mbusheadend.jobs import Jobs
from mbusheadend.jobs_between import TOPIC as JOBS
from mbusheadend.jobs_between import JobNews
from mbusheadend.led import kept_up, led
from mbusheadend.local import keep_adopting
from mbusheadend.metrics import Metrics
from mbusheadend.nudges import Nudges
from mbusheadend.presence_between import TOPIC as PRESENCE
from mbusheadend.presence_between import PresenceNews
from mbusheadend.rollout.desk import RolloutDesk
from mbusheadend.rollout.runner import RolloutRunner
from mbusheadend.settings import Settings
from mbusheadend.store import Store
from mbusheadend.tenants.limits import Limits
from mbusheadend.tenants.people import access_of
from mbusheadend.tenants.tenant import THE_ONLY_ONE, Tenant
from mbusheadend.tunnel import CourierHere, TunnelApi, Tunnels
from mbusheadend.upkeep import Upkeep
from mbusheadend.upkeep_between import TOPIC as UPKEEP
from mbusheadend.upkeep_between import UpkeepNews
from mbusheadend.users import rules_of
from mbusheadend.watch.watcher import News, Watcher
from mbusheadend.web.first_admin import FirstAdmin
from mbusheadend.web.services import Services

if TYPE_CHECKING:
    from mbusheadend.between import Between
    from mbusheadend.stream.service import StreamService

LEASE: Final = "background"
"""Of the process that looks after the masters, the meters and the store of a tenant."""
_UPKEEP: Final = "upkeep"
_ROLLOUTS: Final = "rollouts"
_RELEASES: Final = "releases"


@dataclass(frozen=True, slots=True)
class Ground:
    """What all tenants of a process stand on.

    :ivar settings_file: goes into backups where there is such a file.
    :ivar room: for bodies of requests.
    :ivar url: gives what masters call.
    :ivar between: what the processes share; None where there is but one.
    """

    authority: Authority
    now: Callable[[], datetime]
    settings_file: Path | None
    room: Room
    url: Callable[[], str]
    between: "Between | None" = None


class Running:
    """A tenant; construct it in the event loop. Raise `HeadEndError`.

    :param settings: with the state folder of this tenant.
    :ivar access: its users.
    :ivar limits: how much it may have.
    :ivar jobs: of people, that take longer than a moment.
    :ivar watcher: looks after masters, meters and readings; `upkeep` looks after the store.
    :ivar api: what masters call; `presence` of it knows who is there.
    :ivar stream: takes uploads in the place of the store; None where the store does.
    :ivar rollouts: goes on with rollouts of releases.
    :ivar tunnels: through which operators read the buses of masters.
    :ivar metrics: figures for Prometheus.
    """

    def __init__(
        self, ground: Ground, settings: Settings, store: Store, tenant: Tenant = THE_ONLY_ONE
    ) -> None:
        self._ground = ground
        self._settings = settings
        self.store = store
        self.tenant = tenant
        authority, now = ground.authority, ground.now
        self._now = now
        self._loop = asyncio.get_running_loop()
        self.access = access_of(settings, now, ground.between, tenant)
        self.limits = Limits(store, lambda: self.tenant, now)
        self.jobs = Jobs(now)
        self._nudges: Nudges | None = None
        self.watcher = Watcher(
            store,
            now,
            settings.state_folder,
            name=lambda: settings.all_names[0],
            tell_others=lambda news: self._nudge(news.value),
        )
        self.stream = self._make_stream()
        self.api = HostingApi(
            store,
            now,
            ground.room,
            stored=self.watcher.readings_came,
            took=lambda batch: self.metrics.took(batch),
            stream=None if self.stream is None else self.stream.intake,
            limits=self.limits,
        )
        self._est = Est(
            authority,
            store,
            now,
            ground.room,
            settings.master_days,
            tenant.organization,
            self.limits,
        )
        self._shared_shelf = (
            None
            if ground.between is None
            else SharedShelf(settings.state_folder, store, lambda: self._nudge_from_thread(_RELEASES))
        )
        self._shelf = self._shared_shelf or Shelf(settings.state_folder)
        self.rollouts = RolloutRunner(store, self._shelf, now)
        self._rollout_desk = RolloutDesk(store, self._shelf, now, self._look_at_rollouts)
        self._firmware = FirmwareApi(self._shelf, store, now, self._rollout_desk.word_for)
        courier = CourierHere() if ground.between is None else ground.between.courier
        self.tunnels = Tunnels(
            store, courier, settings.tunnel, now, self.api.presence.is_connected, self._note_tunnel
        )
        self._tunnel_api = TunnelApi(store, courier, now)
        self.access.on_change(self.tunnels.look)
        self.upkeep = Upkeep(
            store,
            settings.keep,
            now,
            archive=(lambda: open_archive(settings.archive, store, now)) if settings.archive.place else None,
            is_archived_first=settings.archive.before_prune,
            tell_others=lambda: self._nudge(_UPKEEP),
        )
        self._day = Day(store, now)
        self.metrics = Metrics(
            store,
            now,
            self._day,
            self.jobs,
            self.upkeep,
            self.api.presence.count,
            self.api.uploads,
            more=self._more_figures,
        )
        self.first_admin = FirstAdmin(self.access, self._secret("first user"))
        self._talk: list[Callable[[], Coroutine[Any, Any, None]]] = []
        if ground.between is not None:
            self._meet(courier)
        self._tasks: list[asyncio.Task[None]] = []

    @cached_property
    def masters_app(self) -> ASGIApp:
        """What masters call, as an application of its own."""
        return create_app(self.routes())

    def change(self, tenant: Tenant) -> None:
        """Take over what a command has changed."""
        if tenant != self.tenant:
            self.tenant = tenant
            self.access.rules = rules_of(tenant)

    @property
    def desk(self) -> Desk:
        """What the actions of the fleet work with; there once the doors are open."""
        return Desk(self.store, self._now, self.api.presence.is_connected, self._day, self._ground.url())

    def routes(self) -> list[Route]:
        """Give what masters call."""
        return [
            *self._est.routes(),
            *self.api.routes(),
            *self._firmware.routes(),
            *self._tunnel_api.routes(),
        ]

    def services(self) -> Services:
        """Give what pages and the API work with; once the doors are open."""
        settings, now = self._settings, self._now
        return Services(
            store=self.store,
            access=self.access,
            audit=self.access.audit,
            jobs=self.jobs,
            settings=settings,
            authority=self._ground.authority,
            presence=self.api.presence,
            desk=self.desk,
            backups=BackupDesk(
                self.store,
                self._ground.authority,
                settings.state_folder,
                now,
                self._ground.settings_file,
                is_allowed=self.tenant.is_main,
            ),
            limits=self.limits,
            is_of_installation=self.tenant.is_main,
            metrics=self.metrics,
            watcher=self.watcher,
            upkeep=self.upkeep,
            first_admin=self.first_admin,
            firmware=self._shelf,
            rollouts=self._rollout_desk,
            fleet_settings=SettingsDesk(self.store, now),
            tunnels=self.tunnels,
            now=now,
            shared_secret=self._secret("pages"),
        )

    def start(self) -> None:
        """Begin what goes on in the background; the users are open before."""
        works = [self.access.watch, self._look_after, self.rollouts.run, *self._talk]
        if self.stream is not None:
            works.append(self.stream.run)
        self._tasks = [asyncio.create_task(kept_up(work)) for work in works]
        self._tasks.append(asyncio.create_task(keep_adopting(self.store, self._settings.state_folder)))

    def close_calls(self) -> None:
        """Let masters that wait for news have their answers now."""
        self.api.close()

    async def close_tunnels(self) -> None:
        """End all tunnels."""
        await self.tunnels.close()
        self._tunnel_api.close()

    async def stop(self) -> None:
        """End what goes on in the background; uploads are still taken."""
        await self.jobs.close()
        await self._day.close()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def close(self) -> None:
        """End; the store is left open."""
        self.watcher.delivery.close()
        if self.stream is not None:
            await self.stream.close()
        self.access.close()

    async def _look_after(self) -> None:
        await led(self.store, LEASE, self.upkeep.run, self.watcher.run)

    def _meet(self, courier: Courier) -> None:
        """Speak with the other processes."""
        self._nudges = Nudges(courier, f"nudge.{self.tenant.id}", self._looks())
        jobs, presence = JobNews(self.jobs), PresenceNews(self.api.presence)
        jobs.gossip = Gossip(courier, f"{JOBS}.{self.tenant.id}", jobs)
        upkeep = UpkeepNews(self.upkeep)
        upkeep.gossip = Gossip(courier, f"{UPKEEP}.{self.tenant.id}", upkeep)
        presence.gossip = Gossip(courier, f"{PRESENCE}.{self.tenant.id}", presence)
        if self._shared_shelf is not None:
            self._talk.append(self._shared_shelf.run)
        self._talk += [self._nudges.run, jobs.gossip.run, presence.gossip.run, upkeep.gossip.run]

    def _look_at_rollouts(self) -> None:
        self.rollouts.look()
        self._nudge(_ROLLOUTS)

    def _nudge(self, kind: str) -> None:
        if self._nudges is not None:
            self._nudges.send(kind)

    def _nudge_from_thread(self, kind: str) -> None:
        self._loop.call_soon_threadsafe(self._nudge, kind)

    def _looks(self) -> dict[str, Callable[[], None]]:
        shelf = {} if self._shared_shelf is None else {_RELEASES: self._shared_shelf.look}
        return {
            **shelf,
            News.READINGS.value: lambda: self.watcher.hear(News.READINGS),
            News.ALARMS.value: lambda: self.watcher.hear(News.ALARMS),
            _UPKEEP: self.upkeep.hear,
            _ROLLOUTS: self.rollouts.look,
        }

    def _secret(self, purpose: str) -> str:
        """Give a secret that every process knows; empty where there is but one."""
        if self._ground.between is None:
            return ""
        return self._ground.authority.secret_for(f"{purpose} of tenant {self.tenant.id}")

    def _make_stream(self) -> "StreamService | None":
        if self._settings.stream is None:
            return None
        # Its client is big, and not everybody has a stream.
        try:
            from mbusheadend.stream.service import StreamService
        except ImportError as error:
            raise HeadEndError("the stream needs its client: pip install 'mbusmaster[stream]'") from error
        return StreamService(self._settings.stream, self.store, self._now, stored=self.watcher.readings_came)

    def _note_tunnel(self, who: str, source: str, detail: str) -> None:
        self.access.audit.record(AuditKind.TUNNEL, who=who, source=source, detail=detail)

    def _more_figures(self) -> Iterator[Metric]:
        yield from self.tunnels.figures().metrics()
        if self.stream is not None:
            yield from self.stream.figures.metrics()
