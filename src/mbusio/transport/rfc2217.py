"""A serial port elsewhere, with its settings, through RFC 2217: pyserial's client, which blocks, in threads of its own."""

import asyncio
import contextlib
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from serial import rfc2217

from mbusio.errors import TransportClosedError, TransportOpenError
from mbusio.transport.base import READ_SIZE, Transport
from mbusio.transport.inbox import Inbox
from mbusio.transport.tcp import GENEROUS_ALLOWANCE, NETWORK_GAP
from mbusio.transport.wire import Wire

POLL_SECONDS = 0.5
"""How often the reading thread looks whether the connection still lives."""


class Rfc2217Transport(Transport):
    """A port of pyserial; one thread reads, another writes and changes settings."""

    allowance = GENEROUS_ALLOWANCE
    adaptive = True
    gap = NETWORK_GAP

    def __init__(self, name: str, port: Any, baud: int) -> None:
        super().__init__(name, baud)
        self._port = port
        self._inbox = Inbox()
        self._loop = asyncio.get_running_loop()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="rfc2217-write")
        self._closing: asyncio.Task[None] | None = None
        threading.Thread(target=self._read_all, name="rfc2217-read", daemon=True).start()

    async def write(self, data: bytes) -> None:
        """Hand the bytes to the connection; when the port there has sent them is not told."""
        if self._inbox.ended:
            raise TransportClosedError(f"{self.name} is closed")
        await self._blocking(self._port.write, data)

    async def read(self) -> bytes:
        """Give the bytes that have come."""
        return await self._inbox.read()

    async def set_baud(self, baud: int) -> None:
        """Switch the port there; returns when it has agreed."""
        await self._blocking(setattr, self._port, "baudrate", baud)
        self.baud = baud

    async def close(self) -> None:
        """Hang up."""
        if self._closing is None:
            self._inbox.end(f"{self.name} is closed")
            self._closing = asyncio.create_task(self._hang_up())
        await asyncio.shield(self._closing)

    async def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            await self._loop.run_in_executor(self._worker, self._port.close)
        self._worker.shutdown(wait=False)

    async def _blocking(self, call: Any, *arguments: Any) -> None:
        try:
            await self._loop.run_in_executor(self._worker, call, *arguments)
        except (OSError, RuntimeError) as error:
            raise TransportClosedError(f"{self.name} is gone: {error}") from error

    def _read_all(self) -> None:
        reason = f"{self.name}: the other end closed the connection"
        # A closed loop ends the thread: nobody is left to read.
        with contextlib.suppress(RuntimeError):
            try:
                while not self._inbox.ended:
                    self._feed(self._port.read(1))
                    if waiting := self._port.in_waiting:
                        self._feed(self._port.read(min(waiting, READ_SIZE)))
            except Exception as error:  # whatever ends this thread must wake the reader
                reason = f"{self.name} is gone: {error}"
            self._feed(_left_over(self._port))
            self._loop.call_soon_threadsafe(self._inbox.end, reason)

    def _feed(self, data: bytes) -> None:
        if data:
            self._loop.call_soon_threadsafe(self._inbox.feed, data)


def _left_over(port: Any) -> bytes:
    # Once pyserial's own thread has ended, its read gives nothing any more, not even what came before.
    data = bytearray()
    with contextlib.suppress(queue.Empty):
        while (piece := port._read_buffer.get_nowait()) is not None:
            data += piece
    return bytes(data)


async def open_rfc2217(name: str, host: str, port: int, wire: Wire) -> Rfc2217Transport:
    """Connect and agree on the settings; raise `TransportOpenError` when that fails."""
    return Rfc2217Transport(name, await asyncio.to_thread(_open, name, host, port, wire), wire.baud)


def _open(name: str, host: str, port: int, wire: Wire) -> Any:
    connection = rfc2217.Serial()
    connection.port = f"rfc2217://[{host}]:{port}" if ":" in host else f"rfc2217://{host}:{port}"
    connection.baudrate = wire.baud
    connection.parity = wire.parity
    connection.timeout = POLL_SECONDS
    connection.dtr = wire.dtr is not False
    connection.rts = wire.rts is not False
    try:
        connection.open()
    except (OSError, ValueError) as error:
        raise TransportOpenError(
            f"{name}: {error}; check host and port, and that it speaks RFC 2217"
        ) from error
    return connection
