"""Frames out of a stream of bytes, in whatever pieces they come.

The decoder looks for a start byte, trusts a frame only when its length fields, checksum and stop byte fit, and on any trouble
drops *one* byte and looks again: a frame behind a broken one is never lost with it. What was dropped is reported in its place
between the frames, as one `Dropped` event per run and call. However the bytes are cut into pieces, the frames are the same, and
so are the dropped bytes between them.
"""

import re
from dataclasses import dataclass

from mbus.errors import IncompleteFrameError, InvalidFrameError
from mbus.link.frames import (
    ACK,
    LONG_START,
    MAX_FRAME,
    NACK,
    SHORT_START,
    Frame,
    expected_length,
    parse_frame,
)

REPORTED_BYTES = 64
"""At most so many dropped bytes are kept in one event; `Dropped.count` is always exact."""

_START = re.compile(b"[%s]" % re.escape(bytes((ACK, NACK, SHORT_START, LONG_START))))


@dataclass(frozen=True, slots=True)
class Dropped:
    """A run of bytes that belong to no frame.

    :ivar count: how many they were.
    :ivar data: the first of them, at most `REPORTED_BYTES`.
    :ivar reason: why the first of them begins no frame.
    """

    count: int
    data: bytes
    reason: str


Event = Frame | Dropped


class StreamDecoder:
    """Turns bytes into `Frame` and `Dropped` events; holds at most one frame's worth of bytes between calls."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._dropped = bytearray()
        self._dropped_count = 0
        self._reason = ""

    @property
    def pending(self) -> bytes:
        """Bytes of a frame that has begun and not ended."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes as they came; return the events that they complete, in order."""
        events: list[Event] = []
        # Bounded steps keep the buffer small even when one call brings megabytes.
        for start in range(0, len(data), MAX_FRAME):
            self._buffer += data[start : start + MAX_FRAME]
            self._scan(events)
        self._report(events)
        return events

    def flush(self) -> list[Event]:
        """Give up waiting: the bytes of an unfinished frame are searched once more and then dropped."""
        events: list[Event] = []
        while self._buffer:
            self._drop(1, "the frame that began here never ended")
            self._scan(events)
        self._report(events)
        return events

    def _scan(self, events: list[Event]) -> None:
        while self._buffer:
            head = bytes(self._buffer[:MAX_FRAME])
            try:
                length = expected_length(head)
                if len(head) < length:
                    return
                frame = parse_frame(head[:length])
            except IncompleteFrameError:
                return
            except InvalidFrameError as error:
                start = _START.search(head, 1)
                self._drop(start.start() if start else len(head), str(error))
                continue
            self._report(events)
            events.append(frame)
            del self._buffer[:length]

    def _drop(self, count: int, reason: str) -> None:
        if not self._dropped_count:
            self._reason = reason
        self._dropped_count += count
        self._dropped += self._buffer[: min(count, REPORTED_BYTES - len(self._dropped))]
        del self._buffer[:count]

    def _report(self, events: list[Event]) -> None:
        if self._dropped_count:
            events.append(Dropped(self._dropped_count, bytes(self._dropped), self._reason))
            self._dropped.clear()
            self._dropped_count = 0
