"""Serves the application over TLS 1.3 in the running event loop, on sockets of its own."""

import asyncio
import errno
import logging
import os
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any, Final

from uvicorn.server import ServerState

from mbusheadend.errors import HeadEndError
from mbusheadend.peers import MasterConnection
from mbusheadend.settings import MAX_CONNECTIONS, MAX_PER_SOURCE
from mbusio.open_files import raise_limit
from mbusio.tls_refusals import why
from mbusio.tls_stream import NoTlsError, TlsStream
from mbusweb.connections import Crowd, configure, end_connections
from mbusweb.handshakes import HANDSHAKE_SECONDS, SecureDoor

BACKLOG: Final = 1024
MAX_HANDSHAKES: Final = 500
"""After a pause all masters call at once."""
_HINTS: Final = {
    errno.EADDRINUSE: "another program has it: end that program, or choose another port",
    errno.EACCES: "give the service CAP_NET_BIND_SERVICE, or choose a port from 1024 on",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}

_log = logging.getLogger(__name__)


class MastersDoor(SecureDoor):
    """Tells masters why a handshake is refused, by TLS's own alerts, which the event loop's TLS throws away; and the log."""

    async def _shake_hands(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        _, stream = await loop.connect_accepted_socket(lambda: TlsStream(self._context), accepted)
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await stream.done
        except (ssl.SSLError, NoTlsError) as error:
            peer = stream.get_extra_info("peername") or ("a client that is gone",)
            _log.info("%s is refused: %s", peer[0], why(error)[1])
            await stream.leave()
        except (TimeoutError, ConnectionError):
            stream.abort()
        except asyncio.CancelledError:
            stream.abort()
            raise
        else:
            stream.carry(self._protocol())


class Server:
    """The doors of the head-end.

    :param context: of TLS; its certificate may be changed while it is in use.
    :param closing: is called when the server begins to stop, so that answers that wait are given.
    :param most: connections at a time; :param most_per_source: of them from one address.
    """

    def __init__(
        self,
        app: Any,
        context: ssl.SSLContext,
        closing: Callable[[], None],
        *,
        most: int = MAX_CONNECTIONS,
        most_per_source: int = MAX_PER_SOURCE,
    ) -> None:
        self._config = configure(app)
        self._context = context
        self._closing = closing
        self._state = ServerState()
        self._most = most
        self._crowd = Crowd(most, most_per_source)
        self._listeners: list[socket.socket] = []
        self._doors: list[SecureDoor] = []

    @property
    def places(self) -> tuple[tuple[str, int], ...]:
        """Addresses and ports that are listened on."""
        return tuple(listener.getsockname()[:2] for listener in self._listeners)

    def start(self, places: Iterable[tuple[str, int]]) -> None:
        """Listen at addresses and ports, 0 for any free one. Raise `HeadEndError`."""
        raise_limit(2 * self._most)
        try:
            for address, port in places:
                self._listeners.append(listen(address, port))
        except HeadEndError:
            for listener in self._listeners:
                listener.close()
            raise
        self._doors = [
            MastersDoor(listener, self._context, self._connection, MAX_HANDSHAKES)
            for listener in self._listeners
        ]

    async def stop(self) -> None:
        """Take nobody more, let answers under way end, and cut off what does not."""
        self._closing()
        for door in self._doors:
            await door.close()
        for listener in self._listeners:
            listener.close()
        await end_connections(self._state, [self._crowd])

    def _connection(self) -> MasterConnection:
        return MasterConnection(self._config, self._state, self._crowd)


def listen(address: str, port: int, setting: str = "listen") -> socket.socket:
    """Listen at an address and a port, 0 for any free one. Raise `HeadEndError`, which names the setting."""
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    listener: socket.socket | None = None
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(place)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        if listener is not None:
            listener.close()
        hint = _HINTS.get(error.errno or 0, f"see the setting `{setting}`")
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise HeadEndError(f"cannot listen at {where}: {reason}; {hint}") from error
    return listener
