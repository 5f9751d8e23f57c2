"""A client that came by way of the head-end: the same session as over TCP, on a socket that somebody else fills and empties."""

import asyncio
import logging
import socket
from collections.abc import Iterable
from typing import Final

from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.limits import Rarely
from mbusmaster.channels.session import Session

KIND: Final = "tunnel"
"""As the bus knows such clients."""
_BUFFER: Final = 4096

_log = logging.getLogger(__name__)


class TunnelClients:
    """Lets clients use buses."""

    def __init__(self, engines: Iterable[BusEngine]) -> None:
        self._engines = tuple(engines)
        self._rarely = Rarely()

    def bus(self, name: str) -> str:
        """Give the name of a bus, of the first where it is empty; nothing where there is none of that name."""
        return next((engine.name for engine in self._engines if name in ("", engine.name)), "")

    async def serve(self, sock: socket.socket, bus: str, who: str, source: str, idle: float) -> None:
        """Serve a client until it leaves or asks nothing for so many seconds; the socket is closed then.

        :param sock: of a pair, of Unix; :param bus: one that there is.

        Raise `BusCrowdedError`.
        """
        reader, writer = await asyncio.open_unix_connection(sock=sock, limit=_BUFFER)
        name = f"{KIND} of {who}"

        def tell(kind: str, text: str) -> None:
            if self._rarely.allows(name, kind, asyncio.get_running_loop().time()):
                _log.warning("%s: %s", name, text)

        try:
            engine = next(one for one in self._engines if one.name == bus)
            with engine.client(name, tell=tell, kind=KIND, source=source) as client:
                await Session(reader, writer, client, tell=tell, idle_close=idle).run()
        finally:
            writer.transport.abort()
