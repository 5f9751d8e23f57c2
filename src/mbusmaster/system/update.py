"""Updates of this software: what is known of them, the interface, and what says that none can be installed here (guide 3.1.7).

================  ==================================================================================================
update_spool      takes a release file from a browser, bounded, and leaves nothing of one that broke off
update_slots      has the helper check and install it, and restarts the gateway
update_trial      tells the helper, after the first start of a new release, that all is well
update_schedule   when the update server is asked
update_source     who is asked: an update server, or the head-end
update_child      asks it, in a program of its own
update_server     runs that program and ends it when it stalls
automatic_update  all of it together: the updates of a gateway
================  ==================================================================================================
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from mbusmaster.errors import MasterError
from mbusmaster.system.unavailable import NotAvailableError
from mbusweb.texts import NO_TEXT, Text, mark

NO_UPDATES: Final = mark(
    "This release does not update itself: no file is taken, and no update server is asked. Install new "
    "releases with the tools of the operating system."
)
UNDER_WAY: Final = mark("An update is under way already.")
NO_SERVER: Final = mark(
    "No update server is named in the settings, and no head-end has taken this master in."
)
NOTHING_NEWER: Final = mark("There is no newer release to install.")
MAX_SIZE: Final = 256 << 20
"""Bytes of a release file."""


class UpdateError(MasterError):
    """What was asked for cannot be done now; nothing was changed.

    :ivar text: why, and what to do.
    """

    def __init__(self, template: str, **values: str | int) -> None:
        self.text = Text(template, values)
        super().__init__(str(self.text))


class UpdateStatus(StrEnum):
    """What the updater does."""

    NOT_AVAILABLE = "not available"
    IDLE = "idle"
    RECEIVING = "receiving"
    CHECKING = "checking"
    INSTALLING = "installing"
    INSTALLED = "installed"
    """And the master restarts."""
    FAILED = "failed"


class UpdateKind(StrEnum):
    """How this machine is updated."""

    SYSTEM = "system"
    """With the tools of the operating system alone."""
    SLOTS = "slots"
    """By itself: one of two installations is replaced while the other one runs."""
    IMAGE = "image"
    """By itself: an image of the whole system, written by RAUC."""


class Outcome(StrEnum):
    """What became of a release."""

    INSTALLED = "installed"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Installed:
    """What runs.

    :ivar release: its number as text; empty where it is none.
    :ivar version: of the software.
    :ivar slot: "a", "b" or "package".
    :ivar on_trial: it runs for the first time, and is taken back unless it proves well.
    """

    release: str = ""
    version: str = ""
    slot: str = ""
    on_trial: bool = False


@dataclass(frozen=True, slots=True)
class LastUpdate:
    """What became of the last release that was put into a slot.

    :ivar why: of one that was taken back.
    """

    release: str
    outcome: Outcome
    why: Text = NO_TEXT


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """What came of asking the update server.

    :ivar at: when, UTC.
    :ivar reached: it answered, and is who it should be.
    :ivar offers: number of a newer release; empty where there is none.
    :ivar problem: why there is no answer.
    """

    at: datetime
    reached: bool
    offers: str = ""
    problem: Text = NO_TEXT


@dataclass(frozen=True, slots=True)
class ServerState:
    """How it stands with the update server.

    :ivar url: empty where nobody is asked.
    :ivar is_head_end: the settings name none, and the head-end is asked.
    :ivar asking: it is being asked, or a release fetched from it.
    :ivar fetching: number of that release; empty while none is fetched.
    :ivar progress: percent of it.
    :ivar waiting: number of a release that is here and waits until nobody uses the bus; empty where none does.
    """

    url: str = ""
    is_head_end: bool = False
    asking: bool = False
    fetching: str = ""
    progress: int = 0
    waiting: str = ""
    last: ServerCheck | None = None


@dataclass(frozen=True, slots=True)
class UpdateState:
    """What the firmware page shows.

    :ivar release: what is being installed, or was last.
    :ivar progress: percent of what is being done.
    :ivar reason: why it is not available, or failed.
    """

    status: UpdateStatus
    release: str = ""
    progress: int = 0
    reason: Text = NO_TEXT
    kind: UpdateKind = UpdateKind.SLOTS
    installed: Installed | None = None
    last: LastUpdate | None = None
    server: ServerState = field(default_factory=ServerState)

    @property
    def is_busy(self) -> bool:
        """An update is under way: nobody may restart now."""
        return self.status in (UpdateStatus.RECEIVING, UpdateStatus.CHECKING, UpdateStatus.INSTALLING)

    @property
    def is_moving(self) -> bool:
        """It will be another one soon: a page looks again."""
        return self.is_busy or self.status is UpdateStatus.INSTALLED or self.server.asking

    @property
    def server_reached(self) -> bool:
        """The update server answered the last time, and is who it should be."""
        return self.server.last is not None and self.server.last.reached


def shown_number(number: int | None) -> str:
    """Write the number of a release as people do; nothing for none."""
    return f"{number:04d}" if number else ""


class UpdateService(Protocol):
    """Checks and installs releases."""

    @property
    def state(self) -> UpdateState:
        """How it stands now, without asking anybody."""

    async def install(self, name: str, content: AsyncIterator[bytes], size: int | None = None) -> None:
        """Receive a release file, and begin to check and install it; raise `NotAvailableError` or `UpdateError`.

        :param name: of the file, as the browser says it.
        :param size: in bytes, where it is known before.
        """

    async def check(self) -> None:
        """Begin to ask the update server; raise `NotAvailableError` or `UpdateError`."""

    async def install_offered(self) -> None:
        """Begin to install what the update server offers, now; raise `NotAvailableError` or `UpdateError`."""


class NoUpdateService:
    """For releases and machines that cannot update themselves: asks no server, installs nothing."""

    @property
    def state(self) -> UpdateState:
        """Say so."""
        return UpdateState(UpdateStatus.NOT_AVAILABLE, reason=Text(NO_UPDATES), kind=UpdateKind.SYSTEM)

    async def install(self, name: str, content: AsyncIterator[bytes], size: int | None = None) -> None:
        """Take nothing of the file; raise `NotAvailableError`."""
        raise NotAvailableError(NO_UPDATES)

    async def check(self) -> None:
        """Ask nobody; raise `NotAvailableError`."""
        raise NotAvailableError(NO_UPDATES)

    async def install_offered(self) -> None:
        """Install nothing; raise `NotAvailableError`."""
        raise NotAvailableError(NO_UPDATES)
