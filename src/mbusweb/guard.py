"""Who may see what: dependencies for pages. A page that says nothing is for users (`door`)."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request

from mbusweb.door import Door
from mbusweb.errors import NeedsLoginError, NeedsUserError, NotAllowedError
from mbusweb.locale import gettext as _
from mbusweb.visitor import Visitor, visitor

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "x-csrf-token"


async def _asking(request: Request) -> Visitor:
    # Dependencies are coroutines: for any other FastAPI goes through a thread, with every request.
    return visitor(request)


Asking = Annotated[Visitor, Depends(_asking)]
"""For the parameter of a page that wants to know who asks."""


async def check_form(request: Request) -> None:
    """Let nothing change that no page of this visitor asked for: the token is in the form, or in a header from htmx."""
    if request.method in SAFE_METHODS:
        return
    token: object = request.headers.get(CSRF_HEADER)
    if token is None:
        token = (await request.form()).get(CSRF_FIELD)
    if not isinstance(token, str) or not visitor(request).accepts(token):
        raise NotAllowedError(
            _("This form is no longer valid: the login has changed since it was shown. Load the page again.")
        )


async def require_user(request: Request) -> None:
    """Let only users in who are logged in as themselves."""
    who = visitor(request)
    if who.session is None:
        raise NeedsLoginError
    if who.session.is_factory:
        raise NeedsUserError


def guard(door: Door) -> Callable[[Request], Awaitable[None]]:
    """Give the dependency that lets in who may."""

    async def check(request: Request) -> None:
        who = visitor(request)
        if door.everybody or (door.at_setup and who.is_setup):
            return
        await require_user(request)
        if not who.may(door.role):
            raise NotAllowedError(_("Your role does not allow this. Ask whoever looks after the users."))

    return check


async def require_setup(request: Request) -> None:
    """Let in only who is at the setup interface."""
    if not visitor(request).is_setup:
        raise NotAllowedError(_("This is possible on the setup interface (USB) only."))


def local_path(wanted: str | None, otherwise: str) -> str:
    """Give a path on this machine to go on to; what could lead elsewhere is not followed."""
    if not wanted or not wanted.startswith("/") or len(wanted) > 512:
        return otherwise
    if wanted.startswith(("//", "/\\")) or any(ord(char) <= 0x20 or char in "\\\x7f" for char in wanted):
        return otherwise
    parts = urlsplit(wanted)
    return otherwise if parts.scheme or parts.netloc else wanted


def login_path(request: Request) -> str:
    """Give the path of the login that comes back to what was asked for."""
    if request.method not in SAFE_METHODS:
        return "/login"
    query = f"?{request.url.query}" if request.url.query else ""
    return f"/login?next={quote(request.url.path + query, safe='/')}"
