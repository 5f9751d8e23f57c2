"""Two transports joined in memory, for tests and for parts that live in one process."""

from mbusio.errors import TransportClosedError
from mbusio.transport.base import DEFAULT_BAUD, Transport
from mbusio.transport.inbox import Inbox


class MemoryTransport(Transport):
    """One end; what is written here is read at the other end."""

    def __init__(self, name: str, inbox: Inbox, peer: Inbox, baud: int = DEFAULT_BAUD) -> None:
        super().__init__(name, baud)
        self._inbox = inbox
        self._peer = peer
        self._closed = False

    async def write(self, data: bytes) -> None:
        """Put the bytes before the other end's reader."""
        if self._closed or self._inbox.ended:
            raise TransportClosedError(f"{self.name} is closed")
        self._peer.feed(data)

    async def read(self) -> bytes:
        """Give the bytes that have come."""
        return await self._inbox.read()

    async def close(self) -> None:
        """Close both ends' pipes."""
        self._closed = True
        self._inbox.end(f"{self.name} is closed")
        self._peer.end(f"{self.name}: the other end closed the connection")


def memory_pair(*, baud: int = DEFAULT_BAUD) -> tuple[MemoryTransport, MemoryTransport]:
    """Make two joined ends: the master's and the bus's."""
    left, right = Inbox(), Inbox()
    return MemoryTransport("memory", left, right, baud), MemoryTransport("memory (bus)", right, left, baud)
