"""A log that is kept: the last lines in a bounded part of memory, older ones in files."""

import itertools
import logging
import re
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Self

from mbusmaster.system.logfiles import FileSeries, LogWriter

SYSTEM_BYTES: Final = 256 * 1024
DEBUG_BYTES: Final = 256 * 1024
LINE_OVERHEAD: Final = 200
"""Bytes of memory that a line takes besides its text."""
LONGEST_LINE: Final = 4000
_LONGEST_BEGIN: Final = 1000
_WRITTEN: Final = re.compile(
    r"(\d{1,15}) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z ([A-Z]+(?: \d+)?) *([^ :]*): (.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One message.

    :ivar number: counts the lines of this log, from 1, over restarts where it is kept on a disk.
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

    @property
    def written(self) -> str:
        """How it stands in a file: its number in front."""
        return f"{self.number} {self}"

    @classmethod
    def from_written(cls, text: str) -> Self | None:
        """Read a line of a file; None where it is none, as after a power cut."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            return None
        number, at, level, name, said = found.groups()
        try:
            weight = (
                int(level.removeprefix("LEVEL ")) if " " in level else logging.getLevelNamesMapping()[level]
            )
            return cls(int(number), datetime.fromisoformat(at).replace(tzinfo=UTC), weight, name, said)
        except (ValueError, KeyError):
            return None

    def has(self, least: int, text: str) -> bool:
        """Tell whether it has this weight at least, and this text, which is in small letters."""
        return self.weight >= least and text in f"{self.name}: {self.text}".casefold()


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

    @property
    def first(self) -> int:
        """Number of the oldest line here; of the next one where there is none."""
        with self._lock:
            return self._lines[0].number if self._lines else self._last + 1

    def begin_after(self, number: int) -> tuple[LogLine, ...]:
        """Count on from a number, as if what is here had come behind it; give what is here."""
        with self._lock:
            self._lines = deque(replace(line, number=line.number + number) for line in self._lines)
            self._last += number
            return tuple(self._lines)

    def add(self, created: float, weight: int, name: str, text: str) -> LogLine:
        """Keep a line, as short as it must be, and forget the oldest where there is no room; give it as it is kept.

        :param created: seconds since 1970.
        """
        if len(text) > LONGEST_LINE:
            # The end of a traceback says most.
            text = f"{text[:_LONGEST_BEGIN]}…{text[_LONGEST_BEGIN - LONGEST_LINE :]}"
        with self._lock:
            self._last += 1
            line = LogLine(self._last, datetime.fromtimestamp(created, UTC), weight, name, text)
            self._lines.append(line)
            self._taken += _size(text)
            while self._taken > self._size:
                self._taken -= _size(self._lines.popleft().text)
            return line

    def newest(self, *, least: int, text: str, before: int | None, after: int) -> Iterator[LogLine]:
        """Give lines, the newest first, with numbers in between; `text` in small letters."""
        with self._lock:
            kept = tuple(self._lines)
        for line in reversed(kept):
            if line.number <= after:
                return
            if (before is None or line.number < before) and line.has(least, text):
                yield line

    def clear(self) -> None:
        """Forget all lines."""
        with self._lock:
            self._lines.clear()
            self._taken = 0


class KeptLog:
    """One log: the last lines in memory, and, once they have a disk, older ones there, read when they are wanted.

    :param size: bytes of memory.
    """

    def __init__(self, size: int) -> None:
        self._ring = LogRing(size)
        self._disk: tuple[FileSeries, LogWriter] | None = None

    def keep_in(self, series: FileSeries, writer: LogWriter) -> None:
        """Keep the lines in files from now on, also those that came before; count on from what is there."""
        numbers = (line.number for line in _read(series.lines_backwards(), logging.NOTSET, ""))
        waiting = self._ring.begin_after(next(numbers, 0))
        self._disk = (series, writer)
        for line in waiting:
            self._write(line)

    def add(self, created: float, weight: int, name: str, text: str) -> None:
        """Keep a line.

        :param created: seconds since 1970.
        """
        self._write(self._ring.add(created, weight, name, text))

    def lines(
        self,
        *,
        least: int = logging.NOTSET,
        text: str = "",
        before: int | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> tuple[LogLine, ...]:
        """Give lines, the oldest first. May read files: leave an event loop for it.

        :param least: their least weight.
        :param text: what must be in them, in small or capital letters.
        :param before: only lines with smaller numbers.
        :param after: number of the last line that is known already.
        :param limit: how many at the most: the newest.
        """
        found = tuple(itertools.islice(self._newest(least, text.casefold(), before, after), limit))
        return found[::-1]

    def texts(self) -> Iterator[bytes]:
        """Give all of it as text, the oldest first, in pieces; reads files."""
        if self._disk is None:
            yield "".join(f"{line.written}\n" for line in self.lines()).encode("utf-8", "backslashreplace")
            return
        series, writer = self._disk
        writer.flush()
        yield from series.read()

    def _newest(self, least: int, text: str, before: int | None, after: int) -> Iterator[LogLine]:
        first = self._ring.first
        yield from self._ring.newest(least=least, text=text, before=before, after=after)
        if self._disk is None or first <= after + 1:
            return
        self._disk[1].flush()
        edge = first if before is None else min(first, before)
        for line in _read(self._disk[0].lines_backwards(edge), least, text):
            if line.number <= after:
                return
            if line.number < edge:
                yield line

    def _write(self, line: LogLine) -> None:
        if self._disk is not None:
            series, writer = self._disk
            writer.put(series, line.number, line.written, urgent=line.weight >= logging.WARNING)


def one_line(text: str) -> str:
    """One event is one line whatever a client put into it, and no line moves the cursor of a terminal."""
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\n", " | ")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def _read(lines: Iterator[bytes], least: int, text: str) -> Iterator[LogLine]:
    for data in lines:
        line = LogLine.from_written(data.decode("utf-8", "replace"))
        if line is not None and line.has(least, text):
            yield line


def _size(text: str) -> int:
    return LINE_OVERHEAD + sys.getsizeof(text)
