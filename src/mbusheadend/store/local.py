"""Masters that the head-end reads itself, over serial, TCP or TLS (guide 5.1, 5.2), as the store keeps them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from mbusio.listreading import Patience


@dataclass(frozen=True, slots=True)
class LocalPlace:
    """How a master is reached and with how much patience it is read.

    :ivar url: as `mbusio.transport.url` reads it, without names of files and passphrases.
    """

    url: str
    patience: Patience


@dataclass(frozen=True, slots=True)
class LocalKeys:
    """Who we are to a master behind TLS, and whom we trust there; None where nothing was handed in.

    :ivar client: our key, without passphrase, and behind it its certificates; PEM. The store seals it as it does keys of meters.
    :ivar authority: certificates, PEM.
    """

    client: bytes | None = field(default=None, repr=False)
    authority: bytes | None = None


NO_KEYS: Final = LocalKeys()


@dataclass(frozen=True, slots=True)
class Kept:
    """What is there, without anything secret: whether we have a certificate, whether an authority is named."""

    client: bool
    authority: bool


class Locals(Protocol):
    """Masters that are read locally. Each is a `Master` whose `local` says where it is; deleted, its keys are gone."""

    async def add_local_master(
        self, serial: str, name: str, place: LocalPlace, now: datetime, keys: LocalKeys = NO_KEYS
    ) -> None:
        """Add one; no master enrols under its serial number.

        Raise `StoreRefusedError` where that is taken, or there is no key file for the keys.
        """

    async def set_local_place(self, serial: str, place: LocalPlace, keys: LocalKeys = NO_KEYS) -> None:
        """Reach it in another way from now on; of the keys, what is None stays as it is.

        Raise `UnknownError` where no local master has this serial number, `StoreRefusedError` without a key file for the keys.
        """

    async def local_keys(self, serial: str) -> LocalKeys:
        """Give its keys. Raise `UnknownError`; `StoreRefusedError` where the key file does not open them."""

    async def local_keys_kept(self, serial: str) -> Kept:
        """Tell which keys it has; raise `UnknownError`."""

    async def adopt_local_keys(self, serial: str, keys: LocalKeys) -> bool:
        """Store what lay elsewhere before it lay here; what is here already counts.

        Tell whether it is of no more use elsewhere: that is not known of a serial number that no master ever had here.
        Raise `StoreRefusedError` without a key file.
        """

    async def note_local_contact(self, serial: str, now: datetime) -> None:
        """Meters behind it have answered; raise `UnknownError`."""
