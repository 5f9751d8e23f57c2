"""The TCP port of the converter: the stream carries the very bytes of the bus (MBUS.md 10.1)."""

import asyncio
import socket
from typing import Final

from mbussim.serving.converter import Converter
from mbussim.serving.listener import Listener

MAX_CLIENTS: Final = 32
MAX_UNREAD: Final = 64 * 1024
"""Bytes that may wait for a client that does not read; then it is cut off."""


class _TcpClient:
    """One connection, as a port of the converter."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def deliver(self, data: bytes) -> None:
        if self._writer.transport.get_write_buffer_size() > MAX_UNREAD:
            self._writer.transport.abort()
        elif not self._writer.is_closing():
            self._writer.write(data)


class TcpPort:
    """Listens on one address; can be opened again after it was closed.

    :param baud: rate of the bus for what TCP clients send.
    """

    def __init__(self, converter: Converter, host: str, port: int, baud: int) -> None:
        self._converter = converter
        self._host, self._port, self._baud = host, port, baud
        self._listener: Listener | None = None

    @property
    def address(self) -> str:
        """``HOST:PORT`` with the port that the system gave."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    async def open(self) -> None:
        """Begin to listen; raise `OSError`. A port 0 becomes the port that was given, also for later openings."""
        self._listener = Listener(self._serve, most=MAX_CLIENTS)
        self._port = await self._listener.open_tcp(self._host, self._port)

    async def close(self) -> None:
        """Stop to listen and cut all clients off."""
        if self._listener is not None:
            await self._listener.close()
            self._listener = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = _TcpClient(writer)
        self._converter.ports.add(client)
        try:
            while data := await reader.read(256):
                await self._converter.send(data, self._baud)
        finally:
            self._converter.ports.discard(client)
