"""TLS with few handshakes at a time, so that strangers who begin many cost neither memory nor files.

Each one that is under way holds some 80 KiB. Where there are too many the oldest gives way: an honest one takes milliseconds.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Final

HANDSHAKE_SECONDS: Final = 10.0
MAX_HANDSHAKES: Final = 64
REST_SECONDS: Final = 1.0
"""After the system had no room for one more connection."""

_log = logging.getLogger(__name__)


class SecureDoor:
    """Takes connections of a listening socket, and gives them to a protocol after the handshake; construct it in the event loop.

    :param protocol: makes the protocol of one connection.
    :param most: handshakes at a time; None is `MAX_HANDSHAKES`.
    """

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext,
        protocol: Callable[[], asyncio.Protocol],
        most: int | None = None,
    ) -> None:
        self._listener = listener
        self._context = context
        self._protocol = protocol
        self._most = most or MAX_HANDSHAKES
        self._handshakes: dict[asyncio.Task[None], None] = {}
        self._accepting = asyncio.create_task(self._accept())

    async def close(self) -> None:
        """Take no more, and give up what is under way; the socket stays open."""
        tasks = {self._accepting, *self._handshakes}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _peer = await loop.sock_accept(self._listener)
            except ConnectionError:
                continue
            except OSError as error:
                _log.error("connections have to wait: %s", error.strerror or error)
                await asyncio.sleep(REST_SECONDS)
                continue
            if len(self._handshakes) >= self._most:
                oldest = next(iter(self._handshakes))
                del self._handshakes[oldest]
                oldest.cancel()
            handshake = asyncio.create_task(self._shake_hands(accepted))
            self._handshakes[handshake] = None
            handshake.add_done_callback(partial(self._done, accepted))
            # Where many wait an accept does not: others have their turn.
            await asyncio.sleep(0)

    def _done(self, accepted: socket.socket, handshake: asyncio.Task[None]) -> None:
        self._handshakes.pop(handshake, None)
        if handshake.cancelled():
            accepted.close()

    async def _shake_hands(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        # What strangers send is no news.
        with contextlib.suppress(OSError):
            await loop.connect_accepted_socket(
                self._protocol, accepted, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
