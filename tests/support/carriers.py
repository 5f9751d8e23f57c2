"""Tunnels in memory: what carries the frames between two ends, or between an end and a test."""

import asyncio

from mbusio.tunnel.end import TunnelEnd
from mbusio.tunnel.streaming import StreamingError


class MemoryCarrier:
    """One side of a connection; `other` is the far one."""

    def __init__(self) -> None:
        self.other: MemoryCarrier = self
        self.closed = False
        self._came: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(self, data: bytes) -> None:
        if self.closed or self.other.closed:
            raise StreamingError("the connection is closed")
        self.other._came.put_nowait(data)
        await asyncio.sleep(0)

    async def receive(self) -> bytes:
        return await self._came.get()

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.other._came.put_nowait(b"")


def carriers() -> tuple[MemoryCarrier, MemoryCarrier]:
    """Give both sides of a connection."""
    here, there = MemoryCarrier(), MemoryCarrier()
    here.other, there.other = there, here
    return here, there


async def tunnel_ends() -> tuple[TunnelEnd, TunnelEnd]:
    """Give both ends of a tunnel that is open."""
    ends = tuple(map(TunnelEnd, carriers()))
    for end in ends:
        end.start()
    for end in ends:
        await end.greet()
    return ends[0], ends[1]
