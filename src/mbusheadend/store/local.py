"""Masters that the head-end reads itself, over serial, TCP or TLS (guide 5.1, 5.2), as the store keeps them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mbusio.listreading import Patience


@dataclass(frozen=True, slots=True)
class LocalPlace:
    """How a master is reached and with how much patience it is read.

    :ivar url: as `mbusio.transport.url` reads it, without names of files and passphrases.
    """

    url: str
    patience: Patience


class Locals(Protocol):
    """Masters that are read locally. Each is a `Master` whose `local` says where it is."""

    async def add_local_master(self, serial: str, name: str, place: LocalPlace, now: datetime) -> None:
        """Add one; no master enrols under its serial number. Raise `StoreRefusedError` where that is taken."""

    async def set_local_place(self, serial: str, place: LocalPlace) -> None:
        """Reach it in another way from now on; raise `UnknownError` where no local master has this serial number."""

    async def note_local_contact(self, serial: str, now: datetime) -> None:
        """Meters behind it have answered; raise `UnknownError`."""
