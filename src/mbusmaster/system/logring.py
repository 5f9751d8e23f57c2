"""The last lines of a log, in a bounded part of memory."""

import logging
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

SYSTEM_BYTES: Final = 256 * 1024
DEBUG_BYTES: Final = 1024 * 1024
LINE_OVERHEAD: Final = 200
"""Bytes of memory that a line takes besides its text."""
LONGEST_LINE: Final = 4000


@dataclass(frozen=True, slots=True)
class LogLine:
    """One message.

    :ivar number: counts the lines of this log since the start, from 1.
    :ivar at: UTC.
    :ivar weight: as in `logging`.
    """

    number: int
    at: datetime
    weight: int
    name: str
    text: str

    @property
    def level(self) -> str:
        """The weight as a word: debug, info, warning, error, critical."""
        return logging.getLevelName(self.weight).lower()

    def __str__(self) -> str:
        time = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return f"{time} {self.level.upper():<7} {self.name}: {self.text}"


class LogRing:
    """Keeps the last lines; any thread may add some.

    :param size: bytes that all lines may take.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._lines: deque[LogLine] = deque()
        self._last = 0
        self._lock = threading.Lock()

    def add(self, created: float, weight: int, name: str, text: str) -> None:
        """Keep a line, as short as it must be, and forget the oldest where there is no room.

        :param created: seconds since 1970.
        """
        if len(text) > LONGEST_LINE:
            text = text[:LONGEST_LINE] + "…"
        with self._lock:
            self._last += 1
            self._lines.append(LogLine(self._last, datetime.fromtimestamp(created, UTC), weight, name, text))
            self._taken += _size(text)
            while self._taken > self._size:
                self._taken -= _size(self._lines.popleft().text)

    def lines(
        self, *, least: int = logging.DEBUG, text: str = "", after: int = 0, limit: int | None = None
    ) -> tuple[LogLine, ...]:
        """Give lines, the oldest first.

        :param least: their least weight.
        :param text: what must be in them, in small or capital letters.
        :param after: number of the last line that is known already.
        :param limit: how many at the most: the newest.
        """
        with self._lock:
            kept = tuple(self._lines)
        found = list(_newest(kept, least, text.casefold(), after, limit))
        return tuple(reversed(found))

    def clear(self) -> None:
        """Forget all lines."""
        with self._lock:
            self._lines.clear()
            self._taken = 0


def _newest(
    kept: tuple[LogLine, ...], least: int, text: str, after: int, limit: int | None
) -> Iterator[LogLine]:
    given = 0
    for line in reversed(kept):
        if line.number <= after or given == limit:
            return
        if line.weight >= least and text in f"{line.name}: {line.text}".casefold():
            given += 1
            yield line


def _size(text: str) -> int:
    return LINE_OVERHEAD + sys.getsizeof(text)
