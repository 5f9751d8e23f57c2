"""What the pages work with, and nothing more: each part by the narrow interface that pages need of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from mbusmaster.bus.engine import BusEngine
from mbusmaster.settings import Settings
from mbusmaster.system.clock import ClockSetter, NoClockSetter, TimeService
from mbusmaster.system.hosted import HostedReading
from mbusmaster.system.identity import Identity
from mbusmaster.system.network import Network, NetworkApplier, NoNetworkApplier
from mbusmaster.system.panel import Panel
from mbusmaster.system.update import NoUpdateService, UpdateService


class Change(Protocol):
    """One setting that differs."""

    @property
    def path(self) -> str:
        """Give the dotted path of the setting."""

    @property
    def needs_restart(self) -> bool:
        """Whether it waits for a restart."""


class SettingsService(Protocol):
    """The settings in force and in the file."""

    @property
    def running(self) -> Settings:
        """The settings in force."""

    @property
    def stored(self) -> Settings:
        """The settings in the file."""

    @property
    def problem(self) -> str:
        """Why the file proper could not be used; empty when it could."""

    def change(self, changes: Mapping[str, object]) -> tuple[Any, ...]:
        """Check and store all of the changes or none; raise `SettingsError` with `.fields`."""

    def pending(self) -> tuple[Any, ...]:
        """Give what waits for a restart."""


class Session(Protocol):
    """A login."""

    @property
    def id(self) -> str:
        """The secret that the browser keeps."""

    @property
    def user(self) -> str:
        """Name of the user."""

    @property
    def is_factory(self) -> bool:
        """Whether it may only make a user of its own."""

    @property
    def csrf(self) -> str:
        """What a form of this session must carry."""


class Access(Protocol):
    """Users, sessions and tokens."""

    @property
    def is_factory(self) -> bool:
        """Nobody has made a user of their own yet."""

    def users(self) -> tuple[Any, ...]:
        """Give all users."""

    async def add_user(self, name: str, password: str) -> object:
        """Make a user; raise an `AccessError` with the field."""

    async def log_in(self, name: str, password: str, *, source: str, setup: bool) -> Any:
        """Begin a session; raise `LoginError`."""

    def session(self, id: str) -> Any:
        """Give the session if it is still on."""

    def log_out(self, id: str) -> object:
        """End a session."""

    def token(self, secret: str, *, source: str) -> Any:
        """Give the user of an API token, or None."""


class AuditLog(Protocol):
    """Who did what when."""

    def record(self, kind: str, *, who: str, source: str, detail: str = "", outcome: str = "ok") -> object:
        """Write down what happened."""


class Button(Protocol):
    """The reset button of the page, where it is shown."""

    def press(self) -> None:
        """The button goes down."""

    def release(self) -> None:
        """The button comes up."""


@dataclass(frozen=True, slots=True)
class Services:
    """All parts that pages and the API may use.

    :ivar now: the time, in UTC.
    :ivar scanners: one for each bus, in the order of `buses`.
    """

    settings: SettingsService
    access: Access
    audit: AuditLog
    identity: Identity
    now: Callable[[], datetime]
    panel: Panel
    network: Network
    time: TimeService
    hosted: HostedReading
    buses: tuple[BusEngine, ...] = ()
    network_applier: NetworkApplier = field(default_factory=NoNetworkApplier)
    clock: ClockSetter = field(default_factory=NoClockSetter)
    update: UpdateService = field(default_factory=NoUpdateService)
    button: Button | None = None
    meters: Any = None
    scanners: tuple[Any, ...] = ()
    logs: Any = None
    restart: Any = None
    trust: Any = None
    clients: Any = None
