"""Messages for the next page that the browser carries, sealed: whichever of several processes it comes to next shows them."""

import base64
import hashlib
import hmac
import json
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mbusweb.entrance import read_cookies
from mbusweb.render import Flash
from mbusweb.visitor import Visitor, cookie_name

MOST: Final = 5
LONGEST: Final = 2500
"""Bytes of all messages; browsers carry 4096 of a cookie."""
KEPT_SECONDS: Final = 120
_KINDS: Final = ("success", "warning", "error")


@dataclass(slots=True)
class _Request:
    sealed: str
    was_taken: bool = False
    whose: str = ""
    flashes: list[Flash] = field(default_factory=list)


_REQUEST: Final[ContextVar[_Request | None]] = ContextVar("flashes of a request", default=None)


class CarriedFlashes:
    """As `mbusweb.render.Flashes`, for the request under way.

    :param key: of all processes.
    :param cookie: its name, without what TLS puts before it.
    """

    def __init__(self, key: bytes, cookie: str) -> None:
        self._key = hashlib.sha256(b"flashes " + key).digest()
        self._cookie = cookie

    def add(self, who: Visitor, flash: Flash) -> None:
        """Let the visitor's next page show a message."""
        request = _REQUEST.get()
        if request is None:
            return
        if request.whose != who.csrf:
            request.whose, request.flashes = who.csrf, self._opened(request.sealed, who)
        request.flashes = [*request.flashes, flash][-MOST:]

    def take(self, who: Visitor) -> list[Flash]:
        """Give the visitor's messages and forget them."""
        request = _REQUEST.get()
        if request is None:
            return []
        found = request.flashes if request.whose == who.csrf else self._opened(request.sealed, who)
        request.was_taken, request.whose, request.flashes = True, "", []
        return found

    def around(self, app: ASGIApp) -> ASGIApp:
        """Give an application whose answers carry the messages."""

        async def carrying(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            name = cookie_name(self._cookie, secure=scope["scheme"] == "https")
            request = _Request(read_cookies(Headers(scope=scope)).get(name, ""))

            async def send_with_cookie(message: Message) -> None:
                if message["type"] == "http.response.start":
                    value = self._value(request)
                    if value is not None:
                        MutableHeaders(scope=message).append("set-cookie", _header(name, value, scope))
                await send(message)

            token = _REQUEST.set(request)
            try:
                await app(scope, receive, send_with_cookie)
            finally:
                _REQUEST.reset(token)

        return carrying

    def _value(self, request: _Request) -> str | None:
        """Give what the browser is to carry now; empty for nothing any more, None for what it has."""
        if request.flashes:
            return self._sealed(request.whose, request.flashes)
        return "" if request.was_taken and request.sealed else None

    def _sealed(self, whose: str, flashes: list[Flash]) -> str:
        left = list(flashes)
        while True:
            body = json.dumps([[one.kind, one.text] for one in left]).encode()
            if len(body) <= LONGEST or not left:
                return base64.urlsafe_b64encode(self._seal(whose, body) + body).decode()
            left.pop(0)

    def _opened(self, sealed: str, who: Visitor) -> list[Flash]:
        try:
            data = base64.urlsafe_b64decode(sealed.encode("ascii", "replace"))
            body = data[hashlib.sha256().digest_size :]
            if not hmac.compare_digest(data[: -len(body) or None], self._seal(who.csrf, body)):
                return []
            return [Flash(kind, text) for kind, text in json.loads(body) if kind in _KINDS]
        except ValueError:
            return []

    def _seal(self, whose: str, body: bytes) -> bytes:
        return hmac.digest(self._key, whose.encode() + b"\0" + body, "sha256")


def _header(name: str, value: str, scope: Scope) -> str:
    age = KEPT_SECONDS if value else 0
    secure = "; Secure" if scope["scheme"] == "https" else ""
    return f"{name}={value}; HttpOnly; Path=/; SameSite=Strict; Max-Age={age}{secure}"
