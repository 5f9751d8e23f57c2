"""Work that is done by one of several processes: whoever holds its lease."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol


class Lease:
    """A lease, asked for. True as long as this process holds it.

    :ivar lost: set when it is held no more: the connection to the server is gone, and another process may hold it by now.
    """

    def __init__(self, *, is_held: bool) -> None:
        self.lost = asyncio.Event()
        if not is_held:
            self.lost.set()

    def __bool__(self) -> bool:
        return not self.lost.is_set()


class Leases(Protocol):
    """Gives leases by name."""

    def lease(self, name: str) -> AbstractAsyncContextManager[Lease]:
        """Ask for a lease, and give it back at the end; false where another process holds it. Raise `StoreError`."""


class LeasesHere:
    """`Leases` of a store that one process has for itself."""

    @asynccontextmanager
    async def lease(self, name: str) -> AsyncIterator[Lease]:
        """See `Leases.lease`."""
        yield Lease(is_held=True)
