"""Updates of this software: the interface, and what says that none can be installed here (guide 3.1.7)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mbusmaster.system.unavailable import NotAvailableError


class UpdateStatus(StrEnum):
    """What the updater does."""

    NOT_AVAILABLE = "not available"
    IDLE = "idle"
    RECEIVING = "receiving"
    CHECKING = "checking"
    INSTALLING = "installing"
    INSTALLED = "installed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class UpdateState:
    """What the firmware page shows.

    :ivar server_reached: the update server answered the last time, and is who it should be.
    :ivar release: what is being installed, or was last.
    :ivar progress: percent of what is being done.
    :ivar reason: why it is not available, or failed.
    """

    status: UpdateStatus
    server_reached: bool = False
    release: str = ""
    progress: int = 0
    reason: str = ""

    @property
    def is_busy(self) -> bool:
        """An update is under way: nobody may restart now."""
        return self.status in (UpdateStatus.RECEIVING, UpdateStatus.CHECKING, UpdateStatus.INSTALLING)


class UpdateService(Protocol):
    """Checks and installs releases."""

    @property
    def state(self) -> UpdateState:
        """How it stands now, without asking anybody."""

    async def install(self, name: str, content: AsyncIterator[bytes]) -> None:
        """Receive a release file, check it, and begin to install it; raise `NotAvailableError`.

        :param name: of the file, as the browser says it.
        """


class NoUpdateService:
    """For releases and machines that cannot update themselves: asks no server, installs nothing."""

    @property
    def state(self) -> UpdateState:
        """Say so."""
        return UpdateState(
            UpdateStatus.NOT_AVAILABLE,
            reason="This release does not update itself: no file is taken, and no update server is asked. Install new "
            "releases with the tools of the operating system.",
        )

    async def install(self, name: str, content: AsyncIterator[bytes]) -> None:
        """Take nothing of the file; raise `NotAvailableError`."""
        raise NotAvailableError(self.state.reason)
