"""Who calls the API: a program with a bearer token, or a page with its session and, for changes, the token of its forms."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer

from mbusweb.access import Access, AccessStoreError
from mbusweb.door import Door
from mbusweb.errors import NeedsLoginError, NeedsUserError, NotAllowedError
from mbusweb.guard import CSRF_HEADER, SAFE_METHODS
from mbusweb.locale import gettext as _
from mbusweb.visitor import Visitor, visitor

# They only describe: the entrance has found out who it is.
_bearer = HTTPBearer(scheme_name="token", auto_error=False, description="A token of a user.")
_session = APIKeyCookie(
    name="session",
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
    :ivar roles: as of `Visitor`.
    """

    user: str
    source: str
    is_setup: bool
    is_program: bool
    roles: frozenset[str] = frozenset()

    def is_welcome(self, access: Access, who: Visitor) -> bool:
        """Whether who has come in may stay: a token can be revoked, a login end."""
        if self.is_program:
            return access.token(who.token, source=who.source) is not None
        return who.session is None or access.session(who.session.id, is_use=False) is not None


def caller(request: Request) -> Caller:
    """Find out who calls; a token that is not good is an error even where none is needed.

    Where nobody can tell whether it is good the program must not think that it is not, and throw it away.
    """
    who = visitor(request)
    if who.is_unknown:
        raise AccessStoreError("whose the token is cannot be found out now")
    if who.token:
        if not who.token_user:
            raise NeedsLoginError
        return Caller(who.token_user, who.source, who.is_setup, is_program=True, roles=who.roles)
    if request.method not in SAFE_METHODS and not who.accepts(request.headers.get(CSRF_HEADER, "")):
        raise NotAllowedError(_("A change needs a token: a bearer token, or X-CSRF-Token from a page."))
    if who.session is not None and who.session.is_factory:
        raise NeedsUserError
    return Caller(who.user, who.source, who.is_setup, is_program=False, roles=who.roles)


Calling = Annotated[Caller, Depends(caller)]
"""For the parameter of a function of the API that wants to know who calls."""


def api_guard(door: Door) -> Callable[..., None]:
    """Give the dependency that lets in who may."""
    if door.everybody:
        return _open_to_all

    def check(
        calling: Calling,
        token: Annotated[object, Depends(_bearer)],
        session: Annotated[object, Depends(_session)],
    ) -> None:
        if not calling.user and not (door.at_setup and calling.is_setup):
            raise NeedsLoginError
        if door.role and door.role not in calling.roles:
            raise NotAllowedError(_("Your role does not allow this. Ask whoever looks after the users."))

    return check


def _open_to_all(calling: Calling) -> None:
    """Let everybody in."""


def require_program(calling: Calling, token: Annotated[object, Depends(_bearer)]) -> None:
    """Let programs in: a page asks for the own password first, which a login that was left alone does not know."""
    if not calling.user:
        raise NeedsLoginError
    if not calling.is_program:
        raise NotAllowedError(_("This needs a token; in a browser use the page of the users."))


def without_login(request: Request) -> None:
    """Let everybody in whose request brings its own proof: a password."""
