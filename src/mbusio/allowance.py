"""How long a network may take on top of the meter, learned from what is seen; time is an argument.

A gateway may carry another client's conversation when our request comes, about 1.5 s at 2400 baud, and then the answer is late
by that much. Waiting so long on every silent select would make a search many times slower on a path that is in truth fast and
ours alone. So the wait begins generous and is halved by each answer that came in time, down to what the path has shown to need.
Any sign of lateness makes it generous at once: better slow than wrong.

==============================================  ==============================================
seen                                            the allowance becomes
==============================================  ==============================================
an answer                                       half of itself, not below `need`
an answer after its time, or to another         generous
silence where an answer was promised            twice itself
nothing learned for `MEMORY_SECONDS`            generous
==============================================  ==============================================

where ``need = max(LEAST, 4 × the largest extra delay, 2 × the shortest delay)`` over the last `REMEMBERED` answers. The *extra
delay* is what an answer took beyond the standard's window: no meter may be so slow, so the path was. The *shortest delay* holds
the path's own travel time, whatever the meters' haste.
"""

from collections import deque
from typing import Final

GENEROUS: Final = 2.0
LEAST: Final = 0.150
REMEMBERED: Final = 16
MEMORY_SECONDS: Final = 60.0
"""Who shares a gateway, and what the network is like, changes: older lessons are void."""


class Allowance:
    """The allowance of one path.

    :param generous: seconds to begin with and to return to.
    :ivar doubts: how many signs of lateness were seen.
    """

    def __init__(self, generous: float = GENEROUS) -> None:
        self.doubts = 0
        self._generous = generous
        self._seconds = generous
        self._answers: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        self._learned_at = float("-inf")

    def seconds(self, now: float) -> float:
        """Give the allowance for a request that goes out now."""
        if now - self._learned_at > MEMORY_SECONDS:
            self._forget()
        return self._seconds

    def answered(self, delay: float, window: float, now: float) -> None:
        """Learn from an answer whose first byte came `delay` seconds after the request where the standard allows `window`."""
        self._answers.append((delay, max(0.0, delay - window)))
        self._learned_at = now
        largest_extra = max(extra for _, extra in self._answers)
        shortest = min(delay for delay, _ in self._answers)
        need = max(LEAST, 4 * largest_extra, 2 * shortest)
        self._seconds = min(self._generous, max(need, self._seconds / 2))

    def late(self) -> None:
        """Bytes came after their time, or answer another request."""
        self.doubts += 1
        self._forget()

    def surprised(self) -> None:
        """A meter acknowledged its selection and then said nothing: lost, filtered, or late."""
        self._seconds = min(self._generous, 2 * self._seconds)

    def _forget(self) -> None:
        self._answers.clear()
        self._seconds = self._generous
