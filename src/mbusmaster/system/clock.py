"""Where the time comes from and whether it can be believed: the interface, and what says that nobody looks after it here.

The service that keeps the clock right over NTS (RFC 8915) has this interface; until it is there, `NoTimeService` stands in.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mbusmaster.system.unavailable import NotAvailableError


class TimeStatus(StrEnum):
    """How the clock stands to the time server (guide 3.1)."""

    UNSYNCHRONISED = "unsynchronised"
    AUTHENTICATED = "authenticated"
    NOT_AUTHENTICATED = "not authenticated"
    UNREACHABLE = "unreachable"
    NOT_USED = "not used"
    NOT_AVAILABLE = "not available"


@dataclass(frozen=True, slots=True)
class TimeState:
    """What the status page shows of the time server.

    :ivar server: name or address of the server that is asked, or would be.
    :ivar offset: seconds by which the clock is ahead of the server; None where that is not known.
    :ivar reason: why it is not available; empty where it is.
    """

    status: TimeStatus
    server: str = ""
    offset: float | None = None
    reason: str = ""

    @property
    def is_reached(self) -> bool:
        """The server answers, and is who it should be: what the Data lamp asks."""
        return self.status is TimeStatus.AUTHENTICATED


@dataclass(frozen=True, slots=True)
class ClockChange:
    """The clock was set by hand or from a computer."""

    was: datetime
    becomes: datetime


class TimeService(Protocol):
    """Looks after the clock."""

    @property
    def state(self) -> TimeState:
        """How it stands now, without asking anybody."""


class ClockSetter(Protocol):
    """Sets the clock of the system."""

    @property
    def unavailable(self) -> str:
        """Why the clock cannot be set here; empty where it can."""

    async def set(self, moment: datetime) -> ClockChange:
        """Set the clock to a moment with a time zone; raise `NotAvailableError`."""


class NoTimeService:
    """For releases and machines without one: asks no server.

    :param server: the one in force by the settings.
    """

    def __init__(self, server: str) -> None:
        self._server = server

    @property
    def state(self) -> TimeState:
        """Say so."""
        return TimeState(
            TimeStatus.NOT_AVAILABLE,
            self._server,
            reason="This release asks no time server: the time shown is the clock of the system, which the operating "
            "system keeps.",
        )


class NoClockSetter:
    """For releases and machines where the clock cannot be set: changes nothing."""

    @property
    def unavailable(self) -> str:
        """Why the clock cannot be set."""
        return (
            "This release does not set the clock of the machine: nothing is changed. Set it with the tools of the "
            "operating system."
        )

    async def set(self, moment: datetime) -> ClockChange:
        """Change nothing; raise `NotAvailableError`."""
        raise NotAvailableError(self.unavailable)
