"""Serves the pages in the running event loop, on sockets of their own: over TLS, on loopback also without."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Final

from starlette.types import ASGIApp
from uvicorn.server import ServerState

from mbusheadend.errors import HeadEndError
from mbusheadend.server import listen
from mbusheadend.settings import WebPlace
from mbusweb.connections import Connection, Crowd, configure, end_connections
from mbusweb.handshakes import SecureDoor

MAX_CONNECTIONS: Final = 1000
MAX_PER_SOURCE: Final = 200
"""A whole office may be behind one address."""

_log = logging.getLogger(__name__)


class WebServer:
    """The doors of the pages.

    :param context: of TLS; its certificate may be changed while it is in use.
    :param closing: is called when it begins to stop, so that streams of events end.
    """

    def __init__(self, app: ASGIApp, context: ssl.SSLContext, closing: Callable[[], None]) -> None:
        self._closing = closing
        self._config = configure(app)
        self._context = context
        self._state = ServerState()
        self._crowd = Crowd(MAX_CONNECTIONS, MAX_PER_SOURCE)
        self._listeners: list[tuple[WebPlace, socket.socket]] = []
        self._doors: list[SecureDoor] = []
        self._plain: list[asyncio.Task[asyncio.Server]] = []

    @property
    def places(self) -> tuple[WebPlace, ...]:
        """What is listened on, with the ports that the system chose."""
        return tuple(
            WebPlace(place.host, listener.getsockname()[1], is_secure=place.is_secure)
            for place, listener in self._listeners
        )

    def start(self, places: Iterable[WebPlace]) -> None:
        """Listen. Raise `HeadEndError`."""
        try:
            for place in places:
                self._listeners.append((place, listen(place.host, place.port, "web_listen")))
        except HeadEndError:
            for _, listener in self._listeners:
                listener.close()
            raise
        loop = asyncio.get_running_loop()
        for place, listener in self._listeners:
            if place.is_secure:
                self._doors.append(SecureDoor(listener, self._context, self._connection))
            else:
                serving = loop.create_server(self._connection, sock=listener)
                self._plain.append(asyncio.create_task(serving))

    async def stop(self) -> None:
        """Take nobody more, let answers under way end, and cut off what does not."""
        self._closing()
        for task in self._plain:
            (await task).close()
        for door in self._doors:
            await door.close()
        for _, listener in self._listeners:
            listener.close()
        await end_connections(self._state, [self._crowd])

    def _connection(self) -> Connection:
        return Connection(self._config, self._state, self._crowd)
