"""What a manager of the network must be able to do for a trial."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import Protocol

from mbusmaster.helper.network.plan import Wanted
from mbusweb.texts import Text


class Standing(enum.Enum):
    """What a manager has to do with an interface."""

    ABSENT = enum.auto()
    UNMANAGED = enum.auto()
    MANAGES = enum.auto()


@dataclass(frozen=True, slots=True)
class Change:
    """A change of addresses.

    :ivar id: in the form of a UUID.
    :ivar before: what the manager needs to take it back, in its own words.
    """

    id: str
    wanted: Wanted
    before: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class InForce:
    """The addresses that the manager says are set now."""

    ipv4: IPv4Interface
    gateway: IPv4Address | None = None
    dns: tuple[IPv4Address, ...] = ()
    warnings: tuple[Text, ...] = ()


class Backend(Protocol):
    """One manager. All methods raise `RefusedError` if it does not do what it should, or is gone."""

    @property
    def name(self) -> str:
        """What it is called."""

    async def standing(self, interface: str) -> Standing:
        """Tell whether it runs and manages an interface; raises nothing."""

    async def before(self, interface: str, seconds: float) -> Mapping[str, str]:
        """Give what `back` needs; the addresses stay as they are.

        :param seconds: after this time the manager may take the change back by itself.
        """

    async def apply(self, change: Change, seconds: float) -> InForce:
        """Set the addresses until the next boot, and wait until they are in force.

        :param seconds: for a DHCP server to answer.
        """

    async def keep(self, change: Change) -> None:
        """Make them stay; harmless when done twice."""

    async def back(self, change: Change) -> None:
        """Bring back what was before, however far `apply` came; harmless when done twice."""
