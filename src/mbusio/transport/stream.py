"""What all transports on asyncio streams have in common."""

import asyncio
import contextlib

from mbusio.errors import TransportClosedError
from mbusio.transport.base import DEFAULT_BAUD, READ_SIZE, Transport

STUCK_SECONDS = 5.0
"""A path that takes no bytes for so long is not going to."""
CLOSE_SECONDS = 1.0
"""After that long a close that waits for the other end becomes an abort."""


class StreamTransport(Transport):
    """Bytes through a pair of asyncio streams."""

    def __init__(
        self,
        name: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        baud: int = DEFAULT_BAUD,
    ) -> None:
        super().__init__(name, baud)
        self._reader = reader
        self._writer = writer
        self._closed = False

    async def write(self, data: bytes) -> None:
        """Hand the bytes to the system's buffer."""
        if self._closed or self._writer.is_closing():
            raise TransportClosedError(f"{self.name} is closed")
        try:
            self._writer.write(data)
            async with asyncio.timeout(STUCK_SECONDS):
                await self._writer.drain()
        except TimeoutError as error:
            raise TransportClosedError(f"{self.name} takes no more bytes") from error
        except OSError as error:
            raise TransportClosedError(f"{self.name} is gone: {error}") from error

    async def read(self) -> bytes:
        """Give the bytes that have come."""
        try:
            data = await self._reader.read(READ_SIZE)
        except OSError as error:
            raise TransportClosedError(f"{self.name} is gone: {error}") from error
        if not data:
            raise TransportClosedError(
                f"{self.name} is closed"
                if self._closed
                else f"{self.name}: the other end closed the connection"
            )
        return data

    async def close(self) -> None:
        """Close, without waiting long for a peer that does not say goodbye."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        with contextlib.suppress(OSError):
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._writer.wait_closed()
            except TimeoutError:
                self._writer.transport.abort()
