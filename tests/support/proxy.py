"""A proxy as others are, and a server of one's own on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Serve connections, and wait for their end; give the port."""
    tasks: set[asyncio.Task[object]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                await serve(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        if tasks:
            await asyncio.wait(tasks)


class Tunnels:
    """A proxy as others are.

    :param header: that it wants.
    """

    def __init__(self, header: str, refuse: bool) -> None:
        self._header = header
        self._refuse = refuse
        self.asked: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        if self._refuse:
            writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        elif self._header and self._header not in lines:
            writer.write(b"HTTP/1.1 407 Who are you\r\n\r\n")
        else:
            self.asked.append(lines[0])
            host, port = lines[0].split()[1].split(":")
            there, back = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.0 200 Connection established\r\n\r\n")
            await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


@asynccontextmanager
async def proxied(header: str = "", *, refuse: bool = False) -> AsyncIterator[Tunnels]:
    tunnels = Tunnels(header, refuse)
    async with listening(tunnels.serve) as port:
        tunnels.url = f"http://127.0.0.1:{port}"
        yield tunnels
