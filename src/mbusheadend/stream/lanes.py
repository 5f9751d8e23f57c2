"""Work for one master is done one after the other, in the order in which it came; that for others beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Lanes:
    """A lane per name, there as long as somebody is in it."""

    def __init__(self) -> None:
        self._last: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait for all who came before into this lane, and be alone in it until the block ends.

        One that is cancelled while it waits lets the next one go ahead: cancel all or none.
        """
        before, mine = self._last.get(name), asyncio.Event()
        self._last[name] = mine
        try:
            if before is not None:
                await before.wait()
            yield
        finally:
            mine.set()
            if self._last.get(name) is mine:
                del self._last[name]
