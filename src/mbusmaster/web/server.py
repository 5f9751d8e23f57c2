"""Serves the pages in the running event loop, on sockets of our own: the setup interface, and over TLS the LAN."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Final

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from mbusmaster.errors import MasterError
from mbusmaster.settings.schema import WebSettings
from mbusmaster.web.doors import OpenDoor, open_doors
from mbusmaster.web.errors import WebError
from mbusweb.connections import Connection, Crowd, configure, end_connections
from mbusweb.handshakes import SecureDoor
from mbusweb.visitor import INTERFACE, Interface

BACKLOG: Final = 64

_log = logging.getLogger(__name__)


class _At:
    """The application as seen from one interface."""

    def __init__(self, app: FastAPI, interface: Interface) -> None:
        self._app = app
        self._interface = interface

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[INTERFACE] = self._interface
        await self._app(scope, receive, send)


class WebServer:
    """The doors of the web application.

    :param tls: gives the context for the LAN, and keeps its certificate up to date; may raise `MasterError`.
    """

    def __init__(
        self, app: FastAPI, settings: WebSettings, tls: Callable[[], ssl.SSLContext] | None = None
    ) -> None:
        self._app = app
        self._settings = settings
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._doors: tuple[OpenDoor, ...] = ()
        self._servers: list[asyncio.Server] = []
        self._secure_doors: list[SecureDoor] = []
        self._state = ServerState()
        # Whoever crowds the LAN takes no place from the setup interface.
        self._crowds: dict[Interface, Crowd] = {"setup": Crowd(), "lan": Crowd()}

    @property
    def urls(self) -> tuple[str, ...]:
        """Where browsers find the pages, the setup interface first."""
        return tuple(door.url for door in self._doors)

    async def start(self) -> None:
        """Open all doors; raise `WebError` if one cannot be had."""
        self._context = self._context_for_lan() if self._settings.lan else None
        self._doors = open_doors(self._settings)
        configs = {name: configure(_At(self._app, name)) for name in {door.interface for door in self._doors}}
        try:
            for door in self._doors:
                await self._open(door, configs[door.interface])
        except OSError as error:
            await self.stop()
            raise WebError(f"the web pages cannot be served: {error.strerror or error}") from error
        _log.info("the web pages are at %s", ", ".join(self.urls))

    async def stop(self) -> None:
        """Close the doors, let answers under way end, and cut off what does not."""
        for server in self._servers:
            server.close()
        for secure_door in self._secure_doors:
            await secure_door.close()
        for door in self._doors:
            door.listener.close()
        self._servers.clear()
        self._secure_doors.clear()
        self._app.state.streams.close()
        await end_connections(self._state, self._crowds.values())

    async def _open(self, door: OpenDoor, config: Config) -> None:
        def connection() -> Connection:
            return Connection(config, self._state, self._crowds[door.interface])

        if door.is_secure and self._context is not None:
            door.listener.listen(BACKLOG)
            self._secure_doors.append(SecureDoor(door.listener, self._context, connection))
            return
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(connection, sock=door.listener, backlog=BACKLOG))

    def _context_for_lan(self) -> ssl.SSLContext:
        if self._tls is None:
            raise WebError("the web pages cannot be served on the LAN: there is no certificate for TLS")
        try:
            return self._tls()
        except MasterError as error:
            raise WebError(f"the web pages cannot be served on the LAN: {error}") from error
