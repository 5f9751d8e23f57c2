"""A listening socket with a bounded number of clients, which closes without leaving anything behind."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """Serves each client by a handler, until closed; used once.

    :param most: clients at a time; further ones are cut off.
    :param longest: bytes of a line that a handler may ask for.
    """

    def __init__(self, handler: Handler, *, most: int, longest: int = 2**16) -> None:
        self._handler = handler
        self._most = most
        self._longest = longest
        self._clients: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open_tcp(self, host: str, port: int) -> int:
        """Begin to listen; return the port, which the system gives for 0. Raise `OSError`."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=self._longest)
        given: int = self._server.sockets[0].getsockname()[1]
        return given

    async def open_unix(self, path: str) -> None:
        """Begin to listen on a path; raise `OSError`. A socket that lies there is replaced."""
        remove_socket(path)
        self._server = await asyncio.start_unix_server(self._serve, path, limit=self._longest)

    async def close(self) -> None:
        """Stop to listen, and end all clients."""
        if self._server is not None:
            self._server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._clients) >= self._most:
            writer.transport.abort()
            return
        self._clients.add(task)
        try:
            with contextlib.suppress(OSError):
                await self._handler(reader, writer)
        except asyncio.CancelledError:
            # Not raised again: the streams of Python 3.11 would report a cancelled handler as a failure.
            writer.transport.abort()
        finally:
            self._clients.discard(task)
            writer.close()


def remove_socket(path: str) -> None:
    """Remove a socket from the file system; anything else stays."""
    if Path(path).is_socket():
        Path(path).unlink()
