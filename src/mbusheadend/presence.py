"""Which masters are at the other end of a connection right now: an order reaches them within a moment."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

BETWEEN_SECONDS: Final = 5.0
"""A master that calls again at once is as good as there: it has to do what it was told, and to connect."""
MOST_LEFT: Final = 20000


class Presence:
    """Counts open calls, in one process.

    :param monotonic: gives seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._open: Counter[str] = Counter()
        self._left: OrderedDict[str, float] = OrderedDict()

    @contextmanager
    def calling(self, serial: str) -> Iterator[None]:
        """Note that a master's call is open until the block ends."""
        self._open[serial] += 1
        try:
            yield
        finally:
            self._open[serial] -= 1
            if not self._open[serial]:
                del self._open[serial]
            self._left[serial] = self._monotonic()
            self._left.move_to_end(serial)
            while len(self._left) > MOST_LEFT:
                self._left.popitem(last=False)

    def is_connected(self, serial: str) -> bool:
        """Tell whether an order reaches a master within a moment."""
        if serial in self._open:
            return True
        left = self._left.get(serial)
        return left is not None and self._monotonic() - left < BETWEEN_SECONDS

    def count(self) -> int:
        """Count open calls of different masters."""
        return len(self._open)
