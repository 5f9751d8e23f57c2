"""Who may see what: dependencies for pages. A page that says nothing is for users (`pages.Door`)."""

from typing import Annotated, Final
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request

from mbusmaster.web.errors import NeedsLoginError, NeedsUserError, NotAllowedError
from mbusmaster.web.visitor import Visitor, visitor
from mbusweb.locale import gettext as _

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


async def require_setup_or_user(request: Request) -> None:
    """Let in who is at the setup interface, and users from anywhere (the meter list)."""
    if not visitor(request).is_setup:
        await require_user(request)


async def require_setup(request: Request) -> None:
    """Let in only who is at the setup interface."""
    if not visitor(request).is_setup:
        raise NotAllowedError(_("This is possible on the setup interface (USB) only."))


def local_path(wanted: str | None, otherwise: str = "/status") -> str:
    """Give a path on this master to go on to; what could lead elsewhere is not followed."""
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
