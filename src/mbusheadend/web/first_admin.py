"""The way in while there are no users: a secret that whoever starts the head-end reads, and that is good for one user."""

import hmac
import secrets
from typing import Final

from mbusweb.access import Access

PATH: Final = "/first-user"


class FirstAdmin:
    """Tells whether somebody may make the first user.

    :param key: the secret; empty for another one after each start.
    """

    def __init__(self, access: Access, key: str = "") -> None:
        self._access = access
        self._key = key or secrets.token_urlsafe(32)

    @property
    def link(self) -> str:
        """Path with the secret; empty as soon as there is a user, and where the file of the users cannot be used."""
        return f"{PATH}?key={self._key}" if self._access.is_factory else ""

    def accepts(self, key: str) -> bool:
        """Tell whether this is the secret, and nobody has used it."""
        return self._access.is_factory and hmac.compare_digest(
            key.encode(errors="replace"), self._key.encode()
        )
