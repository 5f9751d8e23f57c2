"""Who calls the API: a program with a bearer token, or a page with its session and, for changes, the token of its forms."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer

from mbusmaster.web.errors import NeedsLoginError, NeedsUserError, NotAllowedError
from mbusmaster.web.guard import CSRF_HEADER, SAFE_METHODS
from mbusmaster.web.visitor import SESSION_COOKIE, Visitor, visitor
from mbusweb.access import Access
from mbusweb.locale import gettext as _

# They only describe: the entrance has found out who it is.
_bearer = HTTPBearer(scheme_name="token", auto_error=False, description="A token of a user.")
_session = APIKeyCookie(
    name=SESSION_COOKIE,
    scheme_name="session",
    auto_error=False,
    description="The login of a page; over TLS the name begins with __Host-. A change also needs the header X-CSRF-Token.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    :ivar user: name of the user; empty where nobody is known.
    :ivar is_setup: at the setup interface.
    :ivar is_program: with a token.
    """

    user: str
    source: str
    is_setup: bool
    is_program: bool

    def is_welcome(self, access: Access, who: Visitor) -> bool:
        """Whether who has come in may stay: a token can be revoked, a login end."""
        if self.is_program:
            return access.token(who.token, source=who.source) is not None
        return who.session is None or access.session(who.session.id, is_use=False) is not None


def caller(request: Request) -> Caller:
    """Find out who calls; a token that is not good is an error even where none is needed."""
    who = visitor(request)
    if who.token:
        if not who.token_user:
            raise NeedsLoginError
        return Caller(who.token_user, who.source, who.is_setup, is_program=True)
    if request.method not in SAFE_METHODS and not who.accepts(request.headers.get(CSRF_HEADER, "")):
        raise NotAllowedError(_("A change needs a token: a bearer token, or X-CSRF-Token from a page."))
    if who.session is not None and who.session.is_factory:
        raise NeedsUserError
    return Caller(who.user, who.source, who.is_setup, is_program=False)


Calling = Annotated[Caller, Depends(caller)]
"""For the parameter of a function of the API that wants to know who calls."""


def open_to_all(calling: Calling) -> None:
    """Let everybody in."""


def require_user(
    calling: Calling,
    token: Annotated[object, Depends(_bearer)],
    session: Annotated[object, Depends(_session)],
) -> None:
    """Let users in."""
    if not calling.user:
        raise NeedsLoginError


def require_setup_or_user(
    calling: Calling,
    token: Annotated[object, Depends(_bearer)],
    session: Annotated[object, Depends(_session)],
) -> None:
    """Let in who is at the setup interface, and users from anywhere."""
    if not calling.is_setup and not calling.user:
        raise NeedsLoginError


def require_program(calling: Calling, token: Annotated[object, Depends(_bearer)]) -> None:
    """Let programs in: a page asks for the own password first, which a login that was left alone does not know."""
    if not calling.user:
        raise NeedsLoginError
    if not calling.is_program:
        raise NotAllowedError(_("This needs a token; in a browser use the page of the users."))


def without_login(request: Request) -> None:
    """Let everybody in whose request brings its own proof: a password."""
