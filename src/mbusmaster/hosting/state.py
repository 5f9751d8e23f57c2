"""How hosted reading stands, for pages, API and lamps; cheap to import, whatever is behind it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from mbusmaster.hosting.errors import NotHereError
from mbusweb.texts import NO_TEXT, Text, mark

if TYPE_CHECKING:
    from mbushosting.schedules import Schedule

CLIENT: Final = "hosted reading"
"""As the bus knows it."""
NOT_ENROLLED: Final = mark("This master is not enrolled at any head-end: a token is needed.")
NOT_HERE: Final = mark("This release has no hosted reading: the setting is kept, and no head-end is called.")


class OperationalStatus(StrEnum):
    """The mode of work, in the words of the guide (3.1)."""

    LOCAL = "Local"
    HOSTED = "Hosted"


class Standing(StrEnum):
    """How things stand with the credentials."""

    NONE = "none"
    VALID = "valid"
    LAPSED = "lapsed"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class CredentialState:
    """How the master stands with its head-end.

    :ivar place: address of the head-end, as https://…
    :ivar text: what is wrong; empty while nothing is.
    """

    standing: Standing
    place: str = ""
    serial_number: str = ""
    expires: datetime | None = None
    text: Text = NO_TEXT


@dataclass(frozen=True, slots=True)
class Planned:
    """A schedule in force.

    :ivar next: when it reads again.
    :ivar slot: of the round that is at work; None between rounds.
    """

    schedule: "Schedule"
    next: datetime | None
    slot: datetime | None = None


@dataclass(frozen=True, slots=True)
class RoundDone:
    """A round that has ended.

    :ivar id: of the schedule or command.
    :ivar title: of the schedule.
    :ivar asked: meters that were read, or tried, `answered` those of them that answered; since the gateway started.
    :ivar is_command: the head-end wanted it once.
    :ivar resets: meters to which an application reset was sent before.
    """

    id: str
    title: str
    slot: datetime
    ended: datetime
    asked: int
    answered: int
    is_command: bool = False
    resets: int = 0


@dataclass(frozen=True, slots=True)
class TunnelSeen:
    """Somebody who reads a bus by way of the head-end.

    :ivar who: reads, from where, and why, as the head-end says.
    """

    id: str
    who: str
    source: str
    bus: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Readings that are kept.

    :ivar waiting: that the head-end does not have.
    :ivar kept: history of those that it has.
    :ivar dropped: that were given up for lack of room, since the master was set up.
    """

    waiting: int = 0
    kept: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class HostingState:
    """How the work of hosted reading stands.

    :ivar on: as set; False also before anything may leave the master.
    :ivar reached: the head-end answered the last time; `last_contact` says when that was.
    :ivar reason: why it is off, or not reached; empty where all is well.
    :ivar plans: schedules that are followed.
    :ivar rounds: that ended last, the newest first.
    :ivar readings: that are kept; None where nobody has looked since the gateway started.
    :ivar alarms: what must be looked at.
    :ivar tunnels: that are open.
    """

    on: bool
    reached: bool = False
    reason: Text = NO_TEXT
    last_contact: datetime | None = None
    plans: tuple[Planned, ...] = ()
    rounds: tuple[RoundDone, ...] = ()
    readings: Outgoing | None = None
    alarms: tuple[Text, ...] = ()
    tunnels: tuple[TunnelSeen, ...] = ()


@dataclass(frozen=True, slots=True)
class HostedState:
    """How the master is read: by people near it or by a head-end.

    :ivar status: hosted while hosting is on and a head-end is there to be called.
    :ivar is_here: there is hosted reading in this installation.
    """

    status: OperationalStatus = OperationalStatus.LOCAL
    enrolment: CredentialState = field(default_factory=lambda: CredentialState(Standing.NONE))
    work: HostingState = field(default_factory=lambda: HostingState(False))
    is_here: bool = True


class HostedReading(Protocol):
    """Tells how hosted reading goes, lets a head-end take the master in, and leaves it."""

    @property
    def state(self) -> HostedState:
        """How it stands now, without asking anybody."""

    async def enrol(self, url: str, token: str) -> CredentialState:
        """Let a head-end take this master in, in the place of one that there was. Raise `SaidError`: nothing has changed then."""

    async def leave(self) -> bool:
        """Forget the head-end, key and all; tell whether there was one. Raise `SaidError`."""

    def end_tunnel(self, id: str, who: str) -> bool:
        """End a tunnel; tell whether it was open."""


class NoHostedReading:
    """For services without it: the master works local whatever the setting says."""

    @property
    def state(self) -> HostedState:
        """Say so."""
        work = HostingState(False, reason=Text(NOT_HERE))
        return HostedState(work=work, is_here=False)

    async def enrol(self, url: str, token: str) -> CredentialState:
        """Refuse."""
        raise NotHereError(Text(NOT_HERE))

    async def leave(self) -> bool:
        """Refuse."""
        raise NotHereError(Text(NOT_HERE))

    def end_tunnel(self, id: str, who: str) -> bool:
        """There is none."""
        return False
