"""Where the head-end is, and the proxy on the way there: URLs that people write."""

import base64
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from mbusmaster.hosting.errors import SaidError
from mbusweb.texts import Text, mark

LONGEST_URL: Final = 255
HTTPS_PORT: Final = 443
_NO_HEAD_END: Final = mark(
    "%(url)s is no address of a head-end; write https://NAME or https://NAME:PORT, as it stands beside the token"
)
_NO_PROXY: Final = mark(
    "This is no address of a proxy; write http://NAME:PORT, or http://USER:PASSWORD@NAME:PORT where it wants to know who asks"
)


class PlaceError(SaidError):
    """The text names no head-end, or no proxy; says what to write instead."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a head-end is."""

    host: str
    port: int = HTTPS_PORT

    def __str__(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{name}" if self.port == HTTPS_PORT else f"https://{name}:{self.port}"

    @property
    def authority(self) -> str:
        """Name and port as CONNECT wants them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that tunnels with CONNECT.

    :ivar credentials: user and password as HTTP Basic has them; empty where it asks nobody.
    """

    host: str
    port: int
    credentials: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def read_place(url: str) -> Place:
    """Read a head-end's URL; raise `PlaceError`."""
    wrong = PlaceError(Text(_NO_HEAD_END, {"url": url[:LONGEST_URL]}), "url")
    parts = _split(url, wrong)
    if parts.scheme != "https" or parts.username is not None or parts.path.strip("/"):
        raise wrong
    return Place(parts.hostname or "", _port(parts, wrong) or HTTPS_PORT)


def read_proxy(url: str) -> Proxy:
    """Read a proxy's URL; raise `PlaceError`, which does not repeat what may hold a password."""
    wrong = PlaceError(Text(_NO_PROXY), "proxy")
    parts = _split(url, wrong)
    port = _port(parts, wrong)
    if parts.scheme != "http" or parts.path.strip("/") or port is None:
        raise wrong
    credentials = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        credentials = base64.b64encode(pair.encode()).decode("ascii")
    return Proxy(parts.hostname or "", port, credentials)


def _split(url: str, wrong: PlaceError) -> SplitResult:
    url = url.strip()
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise wrong from None
    clean = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST_URL
    if not clean or not host or parts.query or parts.fragment:
        raise wrong
    return parts


def _port(parts: SplitResult, wrong: PlaceError) -> int | None:
    try:
        port = parts.port
    except ValueError:
        raise wrong from None
    if port == 0:
        raise wrong
    return port
