"""One transaction: a request goes out, an answer comes or does not. No I/O, no clock: bytes and times are handed in.

The standard gives a slave 330 bit times + 50 ms to begin; the frame's own length says when it ends; 33 bit times of quiet must
pass before the next request (MBUS.md 1.4). That quiet is not lost: what arrives in it was not part of a clean answer, and shows
that two slaves spoke. At FD and FE several slaves may answer: a garbled response to those ends no sooner than the others have
begun or, where a break may hide them, have ended. A slave that is still sending hears no request.

::

    SENDING ── transmitted ──▶ WAITING ── first byte ──▶ RECEIVING ── frame complete ──▶ SETTLING ── quiet ──▶ done
       │ a byte: late             │ window over            │ gap over: garbled              │ a byte: collision
       ▼                          ▼                        ▼                                ▼
    (kept in `late`)           Silence                  Garbled                          RECEIVING

A byte that comes before `transmitted` is late only while the wire cannot have carried the whole request yet; afterwards it may be
the answer, for a transport can tell later than a slave answers.

A driver calls `transmitted` once, `received` for every piece, and `expire` when `deadline` has come, until `outcome` is set.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from mbus.link import timing
from mbus.link.answer import (
    Ack,
    Expects,
    Fault,
    Garbled,
    Outcome,
    Reply,
    Silence,
    Unasked,
    judge,
    looks_complete,
)
from mbus.link.frames import MAX_FRAME, LongFrame, ShortFrame

__all__ = [
    "Ack",
    "Expects",
    "Fault",
    "Garbled",
    "Outcome",
    "Reply",
    "Silence",
    "Timing",
    "Transaction",
    "Unasked",
]

LOCAL_GAP: Final = 0.050
"""Pause inside an answer that a local adapter may make; the wire itself allows none (MBUS.md 1.5)."""
MAX_ANSWER: Final = 4 * MAX_FRAME
"""Bytes after which an answer is no answer but a babbling line."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What a line adds to the standard's times, in seconds.

    :ivar baud: rate on the bus.
    :ivar allowance: extra wait for the first byte: drivers, USB, networks, queues of a gateway.
    :ivar gap: longest pause inside an answer before it counts as ended.
    :ivar window: replaces the standard's answer window where a meter is known to need another.
    """

    baud: int
    allowance: float = 0.0
    gap: float = LOCAL_GAP
    window: float | None = None

    @property
    def answer_window(self) -> float:
        """Seconds from the end of the request to the latest first byte."""
        window = timing.answer_window(self.baud) if self.window is None else self.window
        return window + self.allowance

    @property
    def longest_gap(self) -> float:
        """Seconds of quiet that end an unfinished answer."""
        return max(timing.idle(self.baud), self.gap)


class _Phase(Enum):
    SENDING = 1
    WAITING = 2
    RECEIVING = 3
    SETTLING = 4
    DONE = 5


class Transaction:
    """The state of one request on the wire.

    :param request: the frame that is sent.
    :param expects: `Expects.NOTHING` ends as soon as the line is idle.
    :param timings: of the line.
    :param started: when the first byte goes out, in seconds of the caller's clock.
    """

    def __init__(
        self, request: ShortFrame | LongFrame, expects: Expects, timings: Timing, started: float
    ) -> None:
        self.outcome: Outcome | None = None
        self._request = request
        self._sent = request.to_bytes()
        self._expects = expects
        self._timings = timings
        self._earliest_end = started + timing.characters(len(self._sent), timings.baud)
        self._phase = _Phase.SENDING
        self._late = bytearray()
        self._data = bytearray()
        self._echo = self._sent
        self._bad_character = False
        self._window_end = float("inf")
        self._deadline = float("inf")

    @property
    def deadline(self) -> float:
        """When `expire` must be called; infinite while the request is being sent."""
        return self._deadline

    @property
    def answer(self) -> bytes:
        """What has come for this request so far; empty while it may still be an echo."""
        return b"" if self._echo.startswith(self._data) else bytes(self._data)

    def transmitted(self, now: float) -> None:
        """The transport has handed over the last byte; the answer window opens when the wire can have carried it."""
        end = max(now, self._earliest_end)
        if self._phase is _Phase.SENDING:
            self._open_window(end)
        elif self._phase is _Phase.WAITING:
            self._extend_window(end)

    def received(self, data: bytes, now: float, *, bad: bool = False) -> None:
        """Take bytes from the line; `bad` says that the UART saw a parity or framing error among them, or a break as zeros."""
        if self._phase is _Phase.DONE or not data:
            return
        if self._phase is _Phase.SENDING:
            if now < self._earliest_end:
                self._late += data
                del self._late[MAX_ANSWER:]
                return
            # The wire has carried the request, only the transport has not said so yet: this may be the answer.
            self._open_window(self._earliest_end)
        self._data += data
        self._bad_character |= bad
        self._strip_echo(now)
        if self._data:
            self._advance(now)

    def expire(self, now: float) -> None:
        """The deadline has come: decide."""
        if self._phase is not _Phase.DONE and now >= self._deadline:
            self._finish(self._judge())

    def _open_window(self, end: float) -> None:
        if self._expects is Expects.NOTHING:
            self._phase = _Phase.SETTLING
            self._deadline = end + timing.idle(self._timings.baud)
        else:
            self._phase = _Phase.WAITING
            self._extend_window(end)
        if self._sent in self._late:
            start = self._late.index(self._sent)
            del self._late[start : start + len(self._sent)]
            self._echo = b""
        else:
            self._echo = self._sent[_overlap(bytes(self._late), self._sent) :]

    def _extend_window(self, end: float) -> None:
        # A character is seen when it is complete, and the window is about when it begins.
        self._window_end = end + self._timings.answer_window + timing.characters(1, self._timings.baud)
        self._deadline = self._window_end

    def _strip_echo(self, now: float) -> None:
        """Remove what an echoing adapter returns: the request, of which a part may have come while it was being sent."""
        if not self._echo or not self._data.startswith(self._echo):
            return
        del self._data[: len(self._echo)]
        del self._late[len(self._late) - (len(self._sent) - len(self._echo)) :]
        self._echo = b""
        if self._phase is _Phase.WAITING:
            self._extend_window(max(now, self._earliest_end))

    def _advance(self, now: float) -> None:
        """Tell from all bytes so far what to wait for next."""
        if len(self._data) > MAX_ANSWER:
            self._finish(Garbled(bytes(self._data[:MAX_ANSWER]), Fault.BABBLE, bytes(self._late)))
        elif self._expects is Expects.NOTHING:
            self._deadline = now + timing.idle(self._timings.baud)
        elif looks_complete(self._request, bytes(self._data), bad=self._bad_character):
            self._phase = _Phase.SETTLING
            self._deadline = now + timing.idle(self._timings.baud)
        elif self._phase is _Phase.WAITING and self._echo.startswith(self._data):
            # Half an echo so far: the slave has its whole window yet.
            self._deadline = max(self._window_end, now + self._timings.longest_gap)
        else:
            self._phase = _Phase.RECEIVING
            self._deadline = max(now + self._timings.longest_gap, self._others_end())

    def _others_end(self) -> float:
        """When slaves that were asked together with the one just heard cannot be sending any more, were it unheard."""
        if self._request.address <= 250 or self._expects is not Expects.RESPONSE:
            return float("-inf")
        # Many UARTs show a break, however long, as one zero: behind it the longest answer may be hidden (MBUS.md 1.1).
        hidden = MAX_FRAME if self._data[-1] == 0 else 0
        return self._window_end + timing.characters(hidden, self._timings.baud)

    def _finish(self, outcome: Outcome) -> None:
        self._phase = _Phase.DONE
        self._deadline = float("inf")
        self.outcome = outcome

    def _judge(self) -> Outcome:
        data, late = bytes(self._data), bytes(self._late)
        if self._expects is Expects.NOTHING:
            return Silence(late)
        return judge(self._request, data, late, bad=self._bad_character)


def _overlap(head: bytes, tail: bytes) -> int:
    """Tell how many of the last bytes of `head` are the first of `tail`."""
    longest = min(len(head), len(tail))
    return next((count for count in range(longest, 0, -1) if head.endswith(tail[:count])), 0)
