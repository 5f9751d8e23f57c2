"""A store that may come later: a process begins while its server is away, and takes uploads by the stream meanwhile."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from mbusheadend.store.changes import Changes, ChangesHere
from mbusheadend.store.errors import StoreError
from mbusheadend.store.leases import Lease
from mbusheadend.store.protocol import Store

AGAIN_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class LateStore:
    """`Store`: every call fails with `StoreError` until it is there; then it is the one that was opened.

    :param open_store: opens it, in a thread; raises one of `failures` while it cannot.
    """

    def __init__(self, open_store: Callable[[], Store], failures: tuple[type[Exception], ...]) -> None:
        self._open_store = open_store
        self._failures = failures
        self._store: Store | None = None
        self._changes = ChangesHere()
        self._why = "it is not open yet"

    @property
    def here(self) -> Store:
        """This, as those see it who use it."""
        return cast(Store, self)

    async def try_to_open(self) -> bool:
        """Try once; tell whether it is there now."""
        try:
            self._store = await asyncio.to_thread(self._open_store)
        except self._failures as error:
            if str(error) != self._why:
                _log.error("the store comes later: %s", error)
            self._why = str(error)
        return self._store is not None

    async def keep_trying(self) -> None:
        """Try until it is there."""
        while self._store is None:
            await asyncio.sleep(AGAIN_SECONDS)
            if await self.try_to_open():
                _log.info("the store is there")

    @property
    def changes(self) -> Changes:
        """See the protocol."""
        return self._changes if self._store is None else self._store.changes

    @asynccontextmanager
    async def lease(self, name: str) -> AsyncIterator[Lease]:
        """See the protocol."""
        if self._store is None:
            raise StoreError(self._why)
        async with self._store.lease(name) as lease:
            yield lease

    def close(self) -> None:
        """See the protocol."""
        if self._store is not None:
            self._store.close()

    def __getattr__(self, name: str) -> Any:
        """Give a call of the store."""
        if name.startswith("_") or not hasattr(Store, name):
            raise AttributeError(name)
        if self._store is not None:
            return getattr(self._store, name)

        async def away(*_arguments: object, **_more: object) -> None:
            raise StoreError(self._why)

        return away
