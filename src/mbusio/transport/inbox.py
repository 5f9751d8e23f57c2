"""Bytes that have arrived and wait for their reader, for transports that asyncio does not feed itself."""

import asyncio

from mbusio.errors import TransportClosedError
from mbusio.transport.base import READ_SIZE, UNREAD_LIMIT


class Inbox:
    """A bounded buffer with one reader.

    :ivar dropped: bytes that came while `UNREAD_LIMIT` others waited.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._data = bytearray()
        self._end: str | None = None
        self._changed = asyncio.Event()

    def feed(self, data: bytes) -> None:
        """Take bytes; those beyond the limit are dropped and counted."""
        room = UNREAD_LIMIT - len(self._data)
        self._data += data[:room]
        self.dropped += max(0, len(data) - room)
        self._changed.set()

    def end(self, reason: str) -> None:
        """Nothing more will come; the first reason counts."""
        if self._end is None:
            self._end = reason
        self._changed.set()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._end is not None

    async def read(self) -> bytes:
        """Give what has come, at least one byte; raise `TransportClosedError` behind the last one."""
        while not self._data:
            if self._end is not None:
                raise TransportClosedError(self._end)
            self._changed.clear()
            await self._changed.wait()
        data = bytes(self._data[:READ_SIZE])
        del self._data[:READ_SIZE]
        return data
