"""What the pages and the API work with, and nothing more: the parts of the head-end, wired by `mbusheadend.service`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mbusheadend.authority import Authority
from mbusheadend.backup import BackupDesk
from mbusheadend.firmware import Shelf
from mbusheadend.fleet.desk import Desk
from mbusheadend.fleet.settings_desk import SettingsDesk
from mbusheadend.jobs import Jobs
from mbusheadend.metrics import Metrics
from mbusheadend.presence import Presence
from mbusheadend.rollout.desk import RolloutDesk
from mbusheadend.settings import Settings
from mbusheadend.store import Store
from mbusheadend.tenants.limits import Limits
from mbusheadend.tunnel import Tunnels
from mbusheadend.upkeep import Upkeep
from mbusheadend.watch.watcher import Watcher
from mbusheadend.web.first_admin import FirstAdmin
from mbusweb.access import Access, AuditLog


@dataclass(frozen=True, slots=True)
class Services:
    """All parts that pages and the API may use. `Access` belongs to the thread of the loop.

    :ivar now: the time, in UTC.
    :ivar presence: which masters are on the line.
    :ivar watcher: looks after masters, meters, readings, and tells of alarms; `upkeep` looks after the store.
    :ivar desk: what the actions of the fleet work with.
    :ivar backups: that somebody asks for at a page; `metrics` are the figures for Prometheus.
    :ivar firmware: releases for masters; its calls block.
    :ivar rollouts: bring releases to the fleet in rings; `fleet_settings` tries and sets settings of many masters.
    :ivar tunnels: through which operators read the buses of masters.
    :ivar limits: how much the tenant may have; None for whatever it wants.
    :ivar is_of_installation: whether who may all here may all on this machine; other tenants have no part in that.
    :ivar shared_secret: that all processes know, and nobody else; empty where there is but one.
    :ivar label: what names of downloads have of this head-end.
    """

    store: Store
    access: Access
    audit: AuditLog
    jobs: Jobs
    settings: Settings
    authority: Authority
    presence: Presence
    desk: Desk
    backups: BackupDesk
    metrics: Metrics
    watcher: Watcher
    upkeep: Upkeep
    first_admin: FirstAdmin
    firmware: Shelf
    rollouts: RolloutDesk
    fleet_settings: SettingsDesk
    tunnels: Tunnels
    now: Callable[[], datetime]
    limits: Limits | None = None
    is_of_installation: bool = True
    shared_secret: str = ""
    label: str = "head-end"
