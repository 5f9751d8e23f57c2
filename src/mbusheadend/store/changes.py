"""News for whoever waits: that the orders of a master have changed."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Changes(Protocol):
    """Who waits hears of it. Several processes over one store need another implementation than `ChangesHere`."""

    def watch(self, serial: str) -> AbstractContextManager[asyncio.Event]:
        """Give an event that is set as soon as orders of this master change.

        Begin to watch, then read the orders: so no news is lost.
        """

    def tell(self, serials: Iterable[str]) -> None:
        """Wake whoever watches one of these masters; called on the event loop, when the change is stored."""


class ChangesHere:
    """Within one process and one event loop."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def watch(self, serial: str) -> Iterator[asyncio.Event]:
        """See `Changes.watch`."""
        event = asyncio.Event()
        self._watchers.setdefault(serial, set()).add(event)
        try:
            yield event
        finally:
            left = self._watchers[serial]
            left.discard(event)
            if not left:
                del self._watchers[serial]

    def watched(self) -> tuple[str, ...]:
        """Give the masters that somebody watches."""
        return tuple(self._watchers)

    def tell(self, serials: Iterable[str]) -> None:
        """See `Changes.tell`."""
        for serial in serials:
            for event in self._watchers.get(serial, ()):
                event.set()
