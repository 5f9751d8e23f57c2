"""What the pages and the API work with, and nothing more: the parts of the master, wired by `mbusmaster.app`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.doors import ChannelState
from mbusmaster.channels.trust import Trust
from mbusmaster.hosting.state import HostedReading, NoHostedReading
from mbusmaster.meterlist import MeterList, Scanner
from mbusmaster.settings import SettingsService
from mbusmaster.system.button import ResetButton, VirtualButton
from mbusmaster.system.clock import ClockSetter, NoClockSetter, TimeService
from mbusmaster.system.identity import Identity
from mbusmaster.system.logs import Logs
from mbusmaster.system.network import Network
from mbusmaster.system.network_change import NetworkApplier, NoNetworkApplier
from mbusmaster.system.panel import Panel
from mbusmaster.system.restart import Restart
from mbusmaster.system.update import NoUpdateService, UpdateService
from mbusweb.access import Access, AuditLog

__all__ = ["ChannelState", "Services"]


@dataclass(frozen=True, slots=True)
class Services:
    """All parts that pages and the API may use.

    `SettingsService` writes files: call its `change` and `replace` in a thread (`settings_form.save_settings` does). `Access`
    belongs to the thread of the loop.

    :ivar now: the time, in UTC.
    :ivar scanner: of all buses.
    :ivar time: looks after the clock; `clock` sets it.
    :ivar button: the one of the page; None where it is not shown. `reset_button` tells how long any button has been held.
    :ivar logs: what the log page shows.
    :ivar trust: whom the secured channel trusts; None where that cannot be read: `trust_problem` says why.
    :ivar repair_trust: puts what was in a backup in the place of a trust that cannot be read; it counts from the next start.
    :ivar channels: gives how each channel is.
    """

    settings: SettingsService
    access: Access
    audit: AuditLog
    meters: MeterList
    scanner: Scanner
    identity: Identity
    panel: Panel
    network: Network
    time: TimeService
    now: Callable[[], datetime]
    buses: tuple[BusEngine, ...] = ()
    network_applier: NetworkApplier = field(default_factory=NoNetworkApplier)
    clock: ClockSetter = field(default_factory=NoClockSetter)
    hosted: HostedReading = field(default_factory=NoHostedReading)
    update: UpdateService = field(default_factory=NoUpdateService)
    button: VirtualButton | None = None
    reset_button: ResetButton | None = None
    restart: Restart | None = None
    logs: Logs | None = None
    trust: Trust | None = None
    trust_problem: str = ""
    repair_trust: Callable[[bytes], None] | None = None
    channels: Callable[[], tuple[ChannelState, ...]] = tuple

    @property
    def label(self) -> str:
        """Give what names of downloads have of this machine."""
        return self.identity.serial_number
