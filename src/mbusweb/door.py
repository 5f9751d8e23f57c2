"""Who may come in: `DOOR` of a page module or of a module of the API."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Door:
    """Of a page.

    :ivar everybody: also who is not logged in.
    :ivar at_setup: everybody at the setup interface of a device, and users from anywhere.
    :ivar role: the least that a user must have; empty for every user.
    """

    everybody: bool = False
    at_setup: bool = False
    role: str = ""


OPEN: Final = Door(everybody=True)
SETUP_OR_USER: Final = Door(at_setup=True)
USER: Final = Door()
