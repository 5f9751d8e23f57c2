"""Who asks for a page, and from where. Decided once for each request; headers that a client can invent have no say in it."""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final, Literal

from starlette.requests import HTTPConnection

from mbusweb.access import Session
from mbusweb.locale import Preferences

Interface = Literal["setup", "lan"]
INTERFACE: Final = "mbusweb.interface"
"""Key of the request's scope that the listening socket of a device sets; without it the strict one of the two holds."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks.

    :ivar interface: of the socket that took the connection.
    :ivar source: address of the other end, for the audit log and the throttle.
    :ivar session: the login, as long as it is on.
    :ivar visit: secret of a browser without a login; empty where none is known yet.
    :ivar new_visit: the browser must be told `visit`.
    :ivar token: that came with a request to the API, good or not; a secret. Pages take no notice of it.
    :ivar token_user: name of the user whose token it is; empty where it is not good, or nobody knows.
    :ivar is_unknown: a token came, and whose it is cannot be found out now.
    :ivar roles: of the user who is logged in, or of the token: the one that was given, and all that may less.
    """

    interface: Interface = "lan"
    source: str = "unknown"
    session: Session | None = None
    preferences: Preferences = field(default_factory=Preferences)
    visit: str = ""
    new_visit: bool = False
    token: str = field(default="", repr=False)
    token_user: str = ""
    is_unknown: bool = False
    roles: frozenset[str] = frozenset()

    @property
    def is_setup(self) -> bool:
        """Whether the visitor is at the setup interface."""
        return self.interface == "setup"

    @property
    def is_user(self) -> bool:
        """Whether a user of their own is logged in; the factory login is none."""
        return self.session is not None and not self.session.is_factory

    def may(self, role: str) -> bool:
        """Tell whether the visitor has a role, or one that may more; there is nobody who has not the empty one."""
        return not role or role in self.roles

    @property
    def user(self) -> str:
        """Name of the user, empty without a login."""
        return self.session.user if self.session is not None else ""

    @property
    def csrf(self) -> str:
        """What every form of this visitor must carry."""
        if self.session is not None:
            return self.session.csrf
        return hashlib.sha256(b"form of " + self.visit.encode()).hexdigest()

    def accepts(self, token: str) -> bool:
        """Whether a form with this token comes from a page that this visitor got."""
        return bool(self.visit or self.session) and hmac.compare_digest(self.csrf.encode(), token.encode())


def visitor(request: HTTPConnection) -> Visitor:
    """Give the visitor of a request."""
    found: Visitor = request.scope["state"]["visitor"]
    return found


def cookie_name(name: str, *, secure: bool) -> str:
    """Give a cookie's name: over TLS one that no other host and no unencrypted page can set (RFC 6265bis 4.1.3.2)."""
    return f"__Host-{name}" if secure else name
