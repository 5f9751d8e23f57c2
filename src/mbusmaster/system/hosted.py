"""How the master is read: by people near it or by a head-end; the interface, and what says that there is no head-end yet."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mbusweb.texts import NO_TEXT, Text, mark


class OperationalStatus(StrEnum):
    """The mode of work, in the words of the guide (3.1)."""

    LOCAL = "Local"
    HOSTED = "Hosted"


@dataclass(frozen=True, slots=True)
class HostedState:
    """What the status page shows of hosted reading.

    :ivar reached: the head-end answered the last time; `last_contact` says when that was.
    :ivar reason: why it is not available or not reached; empty where all is as it should be.
    :ivar schedules: that are followed.
    :ivar waiting: readings that the head-end does not have yet.
    :ivar alarms: what must be looked at.
    """

    status: OperationalStatus
    reached: bool = False
    reason: Text = NO_TEXT
    last_contact: datetime | None = None
    schedules: int = 0
    waiting: int = 0
    alarms: tuple[Text, ...] = ()


class HostedReading(Protocol):
    """Tells how hosted reading goes."""

    @property
    def state(self) -> HostedState:
        """How it stands now, without asking anybody."""


class NoHostedReading:
    """For releases without it: the master works local whatever the setting says."""

    @property
    def state(self) -> HostedState:
        """Say so."""
        return HostedState(
            OperationalStatus.LOCAL,
            reason=Text(
                mark("This release has no hosted reading: the setting is kept, and no head-end is called.")
            ),
        )


class HostedByHeadEnd:
    """For masters that can be read by a head-end.

    :param look: tells how that goes.
    """

    def __init__(self, look: Callable[[], HostedState]) -> None:
        self._look = look

    @property
    def state(self) -> HostedState:
        """How it stands now, without asking anybody."""
        return self._look()
