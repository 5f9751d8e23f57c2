"""When to try again: the state of a connection that comes and goes. No I/O, no clock: times are handed in.

==============  ==================  ==============  ==========================================
state           event               next state      then
==============  ==================  ==============  ==========================================
connecting      opened              open            –
connecting      failed              lost            wait `retry_at`, longer each time
open            failed              lost            wait `retry_at`, short again after a while
lost            `retry_at` is here  connecting      open the transport
==============  ==================  ==============  ==========================================

A device that vanishes is a state, never a crash. The waits double from `FIRST_WAIT` to the longest, each shortened at random
by up to half, so that many masters do not come back to a restarted gateway in the same instant.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 30.0
LONGEST_LOCAL_WAIT: Final = 5.0
"""For a device of this machine: looking for it costs nobody anything, and somebody may be standing there who plugs it in."""
STEADY_SECONDS: Final = 10.0
"""A connection that held so long was a good one: the waits begin anew."""


class State(StrEnum):
    """Where a connection stands."""

    CONNECTING = "connecting"
    OPEN = "open"
    LOST = "lost"


class Reconnect:
    """The state of one connection.

    :param random: gives numbers from 0 up to 1, as `random.random`.
    :param longest: wait, in seconds.
    :ivar reason: why the last attempt or connection ended; empty before.
    :ivar since: when the present state began.
    :ivar retry_at: when the next attempt is due; of meaning only in `State.LOST`.
    :ivar failures: attempts and short connections in a row that failed.
    """

    def __init__(self, random: Callable[[], float], now: float, *, longest: float = LONGEST_WAIT) -> None:
        self.state = State.CONNECTING
        self.reason = ""
        self.since = now
        self.retry_at = now
        self.failures = 0
        self._random = random
        self._longest = longest

    def opened(self, now: float) -> None:
        """The attempt succeeded."""
        self._enter(State.OPEN, now)

    def failed(self, reason: str, now: float) -> None:
        """The attempt failed, or the open connection is gone."""
        if self.state is State.OPEN and now - self.since >= STEADY_SECONDS:
            self.failures = 0
        wait = min(self._longest, FIRST_WAIT * 2 ** min(self.failures, 10))
        self.failures += 1
        self.reason = reason
        self.retry_at = now + wait * (1 - self._random() / 2)
        self._enter(State.LOST, now)

    def try_again(self, now: float) -> bool:
        """Begin the next attempt when it is due; tell whether it is."""
        if self.state is not State.LOST or now < self.retry_at:
            return False
        self._enter(State.CONNECTING, now)
        return True

    def _enter(self, state: State, now: float) -> None:
        self.state = state
        self.since = now
