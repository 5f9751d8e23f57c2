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
    """Counts open calls; of masters whose calls are at other processes it is told (`mbusheadend.presence_between`).

    :param monotonic: gives seconds.
    :ivar came: is called with the serial number of a master whose first call was opened.
    :ivar left: likewise when its last one has ended; it may call again at once.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._open: Counter[str] = Counter()
        self._left: OrderedDict[str, float] = OrderedDict()
        self._elsewhere: dict[str, set[str]] = {}
        self.came: Callable[[str], None] = _nothing
        self.left: Callable[[str], None] = _nothing

    @contextmanager
    def calling(self, serial: str) -> Iterator[None]:
        """Note that a master's call is open until the block ends."""
        self._open[serial] += 1
        if self._open[serial] == 1:
            self.came(serial)
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
            if serial not in self._open:
                self.left(serial)

    def is_connected(self, serial: str) -> bool:
        """Tell whether an order reaches a master within a moment."""
        if serial in self._open or self._elsewhere.get(serial):
            return True
        left = self._left.get(serial)
        return left is not None and self._monotonic() - left < BETWEEN_SECONDS

    def count(self) -> int:
        """Count open calls of different masters."""
        return len(self._open.keys() | self._elsewhere.keys())

    @property
    def here(self) -> tuple[str, ...]:
        """Those whose calls are at this process."""
        return tuple(self._open)

    def note_elsewhere(self, process: str, serial: str, *, is_there: bool) -> None:
        """Take note of whether a master's call is at another process."""
        processes = self._elsewhere.setdefault(serial, set())
        if is_there:
            processes.add(process)
        else:
            processes.discard(process)
        if not processes:
            del self._elsewhere[serial]

    def forget_elsewhere(self, process: str) -> None:
        """Another process has ended."""
        for serial in [serial for serial, processes in self._elsewhere.items() if process in processes]:
            self.note_elsewhere(process, serial, is_there=False)


def _nothing(serial: str) -> None:
    """Nobody wants to know."""
