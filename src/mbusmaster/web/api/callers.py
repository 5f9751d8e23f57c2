"""Who calls the API: a program with a bearer token, or a page with its session and, for changes, the token of its forms."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from mbusmaster.access import Access
from mbusmaster.web.errors import NeedsLoginError, NeedsUserError, NotAllowedError
from mbusmaster.web.guard import CSRF_HEADER, SAFE_METHODS
from mbusmaster.web.locale import gettext as _
from mbusmaster.web.visitor import visitor

_bearer = HTTPBearer(auto_error=False, description="A token of a user, made on the page of the users.")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    :ivar user: name of the user; empty where nobody is known.
    :ivar is_setup: at the setup interface.
    """

    user: str
    source: str
    is_setup: bool


def caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """Find out who calls; a token that is not good is an error even where none is needed."""
    who = visitor(request)
    if credentials is not None:
        access: Access = request.app.state.access
        found = access.token(credentials.credentials, source=who.source)
        if found is None:
            raise NeedsLoginError
        return Caller(found.name, who.source, who.is_setup)
    if request.method not in SAFE_METHODS and not who.accepts(request.headers.get(CSRF_HEADER, "")):
        raise NotAllowedError(_("A change needs a token: a bearer token, or X-CSRF-Token from a page."))
    if who.session is not None and who.session.is_factory:
        raise NeedsUserError
    return Caller(who.user, who.source, who.is_setup)


Calling = Annotated[Caller, Depends(caller)]
"""For the parameter of a function of the API that wants to know who calls."""


def open_to_all(calling: Calling) -> None:
    """Let everybody in."""


def require_user(calling: Calling) -> None:
    """Let users in."""
    if not calling.user:
        raise NeedsLoginError


def require_setup_or_user(calling: Calling) -> None:
    """Let in who is at the setup interface, and users from anywhere."""
    if not calling.is_setup:
        require_user(calling)
