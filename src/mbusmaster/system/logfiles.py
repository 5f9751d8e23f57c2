"""Files that a log goes to: of bounded size, one after the other, written by a thread of its own.

A line is handed over and forgotten: a disk that is slow, full or gone never holds up who logs. Lines for which there is no room
are dropped and counted, and that is told once. They are written together, at the latest `FLUSH_SECONDS` after the first of them,
at once where one is urgent. What was written survives a killed process. A power cut may take the last half minute (the kernel's
own delay); after an urgent line the file is forced to the disk, at most every `SYNC_SECONDS`. While nothing is logged nothing is
written.
"""

import contextlib
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FLUSH_SECONDS: Final = 1.0
SYNC_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 2.0
"""For what is left when the process ends."""
MOST_WAITING: Final = 2000
MOST_WAITING_BYTES: Final = 512 * 1024
FILES: Final = 4
"""That each series is divided into: the oldest makes room."""
FILE_MODE: Final = 0o640
FOLDER_MODE: Final = 0o750
_DIGITS: Final = 12


class FileSeries:
    """The files of one log, named by the number of their first line: ``system-000000000001.log``.

    Only one thread writes; any thread may read.

    :param size: bytes of all files together.
    """

    def __init__(self, folder: Path, stem: str, suffix: str, size: int) -> None:
        self._folder = folder
        self._stem = stem
        self._suffix = suffix
        self._each = max(1, size // FILES)
        self._name = re.compile(rf"{re.escape(stem)}-(\d{{{_DIGITS}}}){re.escape(suffix)}")
        self._file = -1
        self._room = 0
        self._is_torn = False

    def paths(self) -> list[tuple[int, Path]]:
        """Give number of the first line and path of each file, the oldest first; none where the folder cannot be read."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return []
        found = [(match, name) for name in names if (match := self._name.fullmatch(name))]
        return sorted((int(match[1]), self._folder / name) for match, name in found)

    def next_number(self) -> int:
        """Give the number behind the last line, where each line has counted."""
        there = self.paths()
        return there[-1][0] + self._content(there[-1][1]).count(b"\n") if there else 1

    def read(self) -> Iterator[bytes]:
        """Give the content, the oldest first, in pieces of one file at the most."""
        for _first, path in self.paths():
            yield self._content(path)

    def lines_backwards(self, before: int | None = None) -> Iterator[bytes]:
        """Give the lines, the newest first, without line ends; only of files that may have some before a number."""
        for first, path in reversed(self.paths()):
            if before is None or first < before:
                yield from _backwards(self._content(path))

    def write(self, lines: list[tuple[int, bytes]]) -> None:
        """Append lines, each with its number and its line end; raise `OSError`."""
        waiting = bytearray()
        for number, line in lines:
            if self._file >= 0 and len(waiting) + len(line) > self._room:
                self._put(waiting)
                waiting.clear()
                self.close()
            if self._file < 0:
                self._open(number, len(line))
            waiting += line
        self._put(waiting)

    def sync(self) -> None:
        """Force what was written to the disk."""
        if self._file >= 0:
            os.fdatasync(self._file)

    def close(self) -> None:
        """Close the file that is being written; the next line opens it again."""
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)

    def _open(self, number: int, least: int) -> None:
        self._folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        there = self.paths()
        path = there[-1][1] if there else None
        taken = path.stat().st_size if path else 0
        if path is None or taken + least > self._each:
            path, taken = self._folder / f"{self._stem}-{number:0{_DIGITS}}{self._suffix}", 0
            for _first, old in there[: max(0, len(there) - FILES + 1)]:
                old.unlink(missing_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.open(path, flags, FILE_MODE)
        self._room = self._each - taken
        # A power cut may have left half a line.
        self._is_torn = taken > 0 and os.pread(self._file, 1, taken - 1) != b"\n"

    def _put(self, data: bytearray) -> None:
        rest = memoryview(bytes(data))
        if rest and self._is_torn:
            os.write(self._file, b"\n")
            self._is_torn = False
        while rest:
            try:
                written = os.write(self._file, rest)
            except OSError:
                self._is_torn = len(rest) < len(data)
                raise
            self._room -= written
            rest = rest[written:]

    def _content(self, path: Path) -> bytes:
        with contextlib.suppress(OSError), path.open("rb") as file:
            # Never longer, unless somebody else has written to it.
            return file.read(2 * self._each)
        return b""


@dataclass(frozen=True, slots=True)
class _Waiting:
    series: FileSeries
    number: int
    line: bytes


class LogWriter:
    """The thread that writes, begun with the first line.

    :param told: is given what is wrong, once, and an empty text when it is over, with the number of lines that were lost.
    """

    def __init__(
        self, told: Callable[[str, int], None], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._told = told
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._hurries = False
        self._must_sync = False
        self._is_busy = False
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self._synced_at = float("-inf")
        self._used: dict[FileSeries, None] = {}
        self.problem = ""
        self.lost = 0

    def put(self, series: FileSeries, number: int, line: str, *, urgent: bool = False) -> None:
        """Have a line written; never waits.

        :param line: without its end.
        """
        data = f"{line}\n".encode("utf-8", "backslashreplace")
        with self._changed:
            if self._is_closed:
                return
            if len(self._waiting) >= MOST_WAITING or self._bytes + len(data) > MOST_WAITING_BYTES:
                self.lost += 1
                return
            self._waiting.append(_Waiting(series, number, data))
            self._bytes += len(data)
            self._hurries |= urgent
            self._must_sync |= urgent
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log files", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Have written what waits, and wait for that, but not for longer."""
        with self._changed:
            self._hurries = bool(self._waiting)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting and not self._is_busy, seconds)

    def close(self) -> None:
        """Write what waits and end; give up after `CLOSE_SECONDS`."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        while (batch := self._next_batch()) is not None:
            lines, must_sync = batch
            problem = self._write(lines, must_sync=must_sync)
            with self._changed:
                self._is_busy = False
                if problem:
                    self.lost += len(lines)
                elif self.lost and not self.problem:
                    problem = "more was logged at once than the disk can take"
                news, lost = bool(problem) != bool(self.problem), self.lost
                self.problem = problem
                if not problem:
                    self.lost = 0
                self._changed.notify_all()
            if news and not self._is_closed:
                self._told(problem, lost)
        for series in self._used:
            with contextlib.suppress(OSError):
                series.sync()
                series.close()

    def _next_batch(self) -> tuple[list[_Waiting], bool] | None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._is_closed)
            if not self._is_closed:
                self._changed.wait_for(lambda: self._hurries or self._is_closed, FLUSH_SECONDS)
            if not self._waiting:
                return None
            lines, must_sync = list(self._waiting), self._must_sync
            self._waiting.clear()
            self._bytes, self._is_busy = 0, True
            self._hurries = self._must_sync = False
            return lines, must_sync

    def _write(self, lines: list[_Waiting], *, must_sync: bool) -> str:
        """Write lines; give what is wrong."""
        try:
            for series in dict.fromkeys(one.series for one in lines):
                self._used[series] = None
                series.write([(one.number, one.line) for one in lines if one.series is series])
            if must_sync and self._monotonic() - self._synced_at >= SYNC_SECONDS:
                self._synced_at = self._monotonic()
                for series in self._used:
                    series.sync()
        except OSError as error:
            return error.strerror or str(error)
        return ""


def _backwards(data: bytes) -> Iterator[bytes]:
    end = len(data)
    while end > 0:
        begin = data.rfind(b"\n", 0, end) + 1
        if begin < end:
            yield data[begin:end]
        end = begin - 1
