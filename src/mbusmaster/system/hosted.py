"""How the master is read: by people near it or by a head-end; the interface, and what says that there is no head-end yet."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mbusmaster.texts import mark


class OperationalStatus(StrEnum):
    """The mode of work, in the words of the guide (3.1)."""

    LOCAL = "Local"
    HOSTED = "Hosted"


@dataclass(frozen=True, slots=True)
class HostedState:
    """What the status page shows of hosted reading.

    :ivar reached: the head-end answered the last time.
    :ivar reason: why it is not available; empty where it is.
    """

    status: OperationalStatus
    reached: bool = False
    reason: str = ""


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
            reason=mark(
                "This release has no hosted reading: the setting is kept, and no head-end is called."
            ),
        )
