"""Where the time comes from and whether it can be believed: the interface, and what says that nobody looks after it here.

`mbusmaster.system.time_keeper` keeps the clock right over NTS (RFC 8915); where it cannot be, `NoTimeService` stands in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mbusmaster.system.unavailable import NotAvailableError
from mbusweb.texts import NO_TEXT, Text, mark


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
    :ivar reason: why it is not available, not reached or not used; empty where all is well.
    """

    status: TimeStatus
    server: str = ""
    offset: float | None = None
    reason: Text = NO_TEXT

    @property
    def is_reached(self) -> bool:
        """The server answers, and is who it should be: what the Data lamp asks."""
        return self.status is TimeStatus.AUTHENTICATED


class ClockQuality(StrEnum):
    """How far the time can be believed."""

    SYNCHRONISED = "synchronised"
    """With the time server, now."""
    SET = "set"
    """By hand or from a computer, since the time server was asked last."""
    FREE_RUNNING = "free running"
    """The time server was followed until some time ago."""
    SYSTEM = "kept by the system"
    """The operating system keeps it, in its own way."""
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class ClockBelief:
    """What is to be thought of the clock.

    :ivar since: when it was last known to be right: synchronised, or set.
    :ivar reason: why it is doubtful.
    """

    quality: ClockQuality
    since: datetime | None = None
    reason: Text = NO_TEXT

    @property
    def is_doubtful(self) -> bool:
        """Whatever is stamped with this clock must say so."""
        return self.quality is ClockQuality.DOUBTFUL


@dataclass(frozen=True, slots=True)
class ClockChange:
    """The clock was set by hand or from a computer."""

    was: datetime
    becomes: datetime


class ClockRefusedError(NotAvailableError):
    """The clock was not set, and why.

    :ivar text: the same so that pages can translate it.
    """

    def __init__(self, template: str, values: Mapping[str, str | int] | None = None) -> None:
        self.text = Text(template, dict(values or {}))
        super().__init__(str(self.text))


class TimeService(Protocol):
    """Looks after the clock."""

    @property
    def state(self) -> TimeState:
        """How it stands now, without asking anybody."""

    @property
    def belief(self) -> ClockBelief:
        """How far the clock can be believed."""


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
        reason = mark(
            "This release asks no time server: the time shown is the clock of the system, which the operating "
            "system keeps."
        )
        return TimeState(TimeStatus.NOT_AVAILABLE, self._server, reason=Text(reason))

    @property
    def belief(self) -> ClockBelief:
        """Leave it to the system."""
        return ClockBelief(ClockQuality.SYSTEM)


class NoClockSetter:
    """For releases and machines where the clock cannot be set: changes nothing."""

    @property
    def unavailable(self) -> str:
        """Why the clock cannot be set."""
        return mark(
            "This release does not set the clock of the machine: nothing is changed. Set it with the tools of the "
            "operating system."
        )

    async def set(self, moment: datetime) -> ClockChange:
        """Change nothing; raise `NotAvailableError`."""
        raise NotAvailableError(self.unavailable)
