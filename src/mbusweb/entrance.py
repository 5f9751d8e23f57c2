"""What stands before all pages: response headers, who asks, which host was meant, where a change comes from, how much is sent."""

import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from email.utils import formatdate
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mbusweb.access import Access
from mbusweb.guard import SAFE_METHODS
from mbusweb.locale import Preferences, speaking
from mbusweb.locale import gettext as _
from mbusweb.product import Product
from mbusweb.visitor import (
    INTERFACE,
    Visitor,
    cookie_name,
)

Refuse = Callable[[Scope, int, str], ASGIApp]
"""Makes the answer to a request that gets no further: scope, status, reason in the visitor's language."""

CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # With "no-referrer" browsers send "Origin: null" with our own forms, which could be anybody.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=(), payment=()",
}
STRICT_TRANSPORT: Final = "max-age=31536000"
MAX_COOKIES: Final = 8192
"""Longer cookie headers are not looked at."""
MAX_BODY: Final = 64 * 1024
"""Of a request to a page that takes no files."""
MAX_SESSION_ID: Final = 128
API_PREFIX: Final = "/api/"
VISIT_LENGTH: Final = 43
"""Of the secret in the visit cookie, as `secrets.token_urlsafe` makes it."""


class ResponseHeaders:
    """Gives every answer the headers that keep browsers from doing what we never want."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
                headers.setdefault("date", formatdate(time.time(), usegmt=True))
                if scope["scheme"] == "https":
                    headers.setdefault("strict-transport-security", STRICT_TRANSPORT)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Reception:
    """Finds out who asks, and answers in their language."""

    def __init__(self, app: ASGIApp, access: Access, product: Product) -> None:
        self._app = app
        self._access = access
        self._product = product

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        who = self._visitor(scope)
        scope.setdefault("state", {})["visitor"] = who

        async def send_with_visit(message: Message) -> None:
            if message["type"] == "http.response.start" and who.new_visit:
                secure = scope["scheme"] == "https"
                name = cookie_name(self._product.visit_cookie, secure=secure)
                value = f"{name}={who.visit}; HttpOnly; Path=/; SameSite=Strict{'; Secure' if secure else ''}"
                MutableHeaders(scope=message).append("set-cookie", value)
            await send(message)

        with speaking(who.preferences):
            await self._app(scope, receive, send_with_visit)

    def _visitor(self, scope: Scope) -> Visitor:
        headers = Headers(scope=scope)
        secure = scope["scheme"] == "https"
        cookies = read_cookies(headers)
        session_id = cookies.get(cookie_name(self._product.session_cookie, secure=secure), "")
        # Event streams are opened, and opened again, by a page that nobody may be looking at; some pages ask by themselves.
        is_use = headers.get("accept") != "text/event-stream" and "x-by-itself" not in headers
        session = (
            self._access.session(session_id, is_use=is_use) if 0 < len(session_id) <= MAX_SESSION_ID else None
        )
        source = scope["client"][0] if scope.get("client") else "unknown"
        token = bearer_of(headers) if scope["path"].startswith(API_PREFIX) else ""
        owner = self._access.token(token, source=source) if token else None
        visit = cookies.get(cookie_name(self._product.visit_cookie, secure=secure), "")
        known = len(visit) == VISIT_LENGTH and visit.isascii()
        # A form needs the secret; what comes without one is not given any for a picture or a script.
        new = not known and session is None and not scope["path"].startswith(("/static/", API_PREFIX))
        return Visitor(
            interface="setup" if scope.get(INTERFACE) == "setup" else "lan",
            source=source,
            session=session,
            preferences=Preferences.from_cookie(
                cookies.get(self._product.preferences_cookie, ""), headers.get("accept-language", "")
            ),
            visit=visit if known else secrets.token_urlsafe(32) if new else "",
            new_visit=new,
            token=token,
            token_user=owner.name if owner is not None else "",
            is_unknown=bool(token) and owner is None and bool(self._access.problem),
            roles=self._access.rules.up_to(owner.role if owner else session.role if session else ""),
        )


class HostCheck:
    """Answers only to names of this machine, so that no foreign page can reach it under a name of its own (DNS rebinding).

    :param is_own: whether a host name or address, without port and in small letters, is one of this machine's.
    """

    def __init__(self, app: ASGIApp, is_own: Callable[[str], bool], refuse: Refuse) -> None:
        self._app = app
        self._is_own = is_own
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._app
        host = host_of(Headers(scope=scope).get("host", "")) if scope["type"] == "http" else ""
        if scope["type"] == "http" and not (_is_address_of(host, scope) or self._is_own(host)):
            reason = _(
                "The address in the browser is none of this machine's names. Use its IP address, "
                "or add the name to the host names in the settings of the web pages."
            )
            app = self._refuse(scope, 421, reason)
        await app(scope, receive, send)


def _is_address_of(host: str, scope: Scope) -> bool:
    """Tell whether a host is the very address that the connection came to: no foreign page can have that for its name."""
    try:
        return ip_address(host) == ip_address((scope.get("server") or ("",))[0].partition("%")[0])
    except ValueError:
        return False


class OriginCheck:
    """Refuses changes that a page of somebody else asks for, whatever cookies come with them."""

    def __init__(self, app: ASGIApp, refuse: Refuse) -> None:
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._app
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and not _is_from_here(scope):
            app = self._refuse(scope, 403, _("The request came from a page of another site."))
        await app(scope, receive, send)


def _is_from_here(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or origin == f"{scope['scheme']}://{headers.get('host', '')}"


class BodyLimit:
    """Refuses bodies that are longer than the page can want, counted as they come.

    :param uploads: the longest body by path, for those that take files; only from users and from the setup interface.
    :param users_only: those of them that take files of users alone, from wherever.
    """

    def __init__(
        self,
        app: ASGIApp,
        uploads: Mapping[str, int],
        refuse: Refuse,
        users_only: Collection[str] = frozenset(),
    ) -> None:
        self._app = app
        self._uploads = uploads
        self._users_only = users_only
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope)
        refusal = self._refuse(scope, 413, _("The request is longer than this page accepts."))
        length = Headers(scope=scope).get("content-length", "0")
        if not (length.isascii() and length.isdecimal()) or int(length[:20]) > limit:
            await refusal(scope, receive, send)
            return
        taken, started = 0, False

        async def receive_limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                if started:
                    return {"type": "http.disconnect"}
                raise _TooLongError
            return message

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive_limited, send_noting)
        except _TooLongError:
            if not started:
                await refusal(scope, receive, send)

    def _limit(self, scope: Scope) -> int:
        who: Visitor = scope["state"]["visitor"]
        path = scope["path"]
        is_guest = who.is_setup and path not in self._users_only
        may_upload = who.is_user or is_guest or bool(who.token_user)
        return self._uploads.get(path, MAX_BODY) if may_upload else MAX_BODY


class _TooLongError(BaseException):
    """Passes through everything that catches errors of pages."""


def bearer_of(headers: Headers) -> str:
    """Give the bearer token (RFC 6750, 2.1) of a program; empty where there is none."""
    scheme, _blank, token = headers.get("authorization", "").partition(" ")
    return (token.strip() or "none") if scheme.lower() == "bearer" else ""


def read_cookies(headers: Headers) -> dict[str, str]:
    """Give the cookies; none where they cannot be read."""
    text = headers.get("cookie", "")
    if len(text) > MAX_COOKIES:
        return {}
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(text).items()}
    except CookieError:
        return {}


def host_of(header: str) -> str:
    """Give name or address of a Host header without the port, in small letters; empty where it is none."""
    try:
        parts = urlsplit(f"//{header}")
        _port = parts.port
    except ValueError:
        return ""
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        return ""
    return (parts.hostname or "").rstrip(".")


def own_hosts(*groups: Iterable[str]) -> frozenset[str]:
    """Give the names that always count, and those of the groups, as `host_of` writes them."""
    always = ("localhost", "127.0.0.1", "::1")
    return frozenset(
        name.lower().strip("[]").rstrip(".") for group in (always, *groups) for name in group if name
    )
