"""Telling others that something has changed, without queues: whoever is slow sees the newest state, not every one before it."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from mbusmaster.meterlist.errors import MeterListError

MAX_WATCHERS: Final = 500
"""Pages and programs that may watch one thing; more are told that they are too many."""

_log = logging.getLogger(__name__)

Listener = Callable[[int], None]


class Ticker:
    """Counts the changes of one thing. Of use in one thread.

    :ivar revision: number of changes so far.
    """

    def __init__(self) -> None:
        self.revision = 0
        self._listeners: dict[object, Listener] = {}

    def tick(self) -> None:
        """Something has changed."""
        self.revision += 1
        for listener in tuple(self._listeners.values()):
            try:
                listener(self.revision)
            except Exception:
                _log.exception("somebody who watches for changes failed")

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the revision at every change, from where the change is made; give what ends that.

        Raise `MeterListError` when too many do.
        """
        if len(self._listeners) >= MAX_WATCHERS:
            raise MeterListError(f"more than {MAX_WATCHERS} pages and programs watch already; close some")
        key = object()
        self._listeners[key] = listener
        return lambda: self._listeners.pop(key, None) and None

    async def later_than(self, revision: int) -> int:
        """Wait until there is a newer revision than this; give it."""
        if self.revision > revision:
            return self.revision
        changed = asyncio.Event()
        end = self.subscribe(lambda _: changed.set())
        try:
            await changed.wait()
        finally:
            end()
        return self.revision
