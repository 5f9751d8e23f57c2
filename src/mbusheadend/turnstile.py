"""Back-pressure: so many uploads are at work at a time, some are sent or wait in line, everybody else gets an appointment.

Who is sent away hears when to come again (``429`` with ``Retry-After``). Appointments follow each other at the pace at which the
work goes, so ten thousand masters that come back at once are spread over the time that they take, in the order in which they
first asked. Whoever comes back keeps its place in that order.

In line, the one goes first whose time was up first: when it first asked, and what its kind of reading may wait. So what a person
waits for passes a history that is sent again, and nothing waits for ever. The kind comes in the header ``Priority`` (RFC 9218
4.1); a master that lies in it gains seconds, and never more than one place: a master has one request in here at a time.
"""

import asyncio
import heapq
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final

from mbusheadend.errors import RefusedError
from mbushosting.contact import RefusalCode

AT_WORK: Final = 16
HERE: Final = 512
"""At work, in line, and those whose body still comes: a slow link holds up nobody's work."""
PATIENCE: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 120.0)
"""Seconds that each urgency of RFC 9218 may wait, 0 to 7."""
MOST_APPOINTMENTS: Final = 100_000
LONGEST_APPOINTMENT: Final = 3600.0
FIRST_GUESS: Final = 0.05
"""Seconds that a piece of work takes, before any was done."""
_SMOOTHING: Final = 0.05


@dataclass(order=True, slots=True)
class Place:
    """Of one who was let in; the order is that in which they have their turns.

    :ivar due: when its time is up; then who was let in first.
    :ivar asked: when it asked first.
    """

    due: float
    number: int
    who: str = field(compare=False)
    asked: float = field(compare=False)
    go: "asyncio.Future[None] | None" = field(default=None, compare=False)


class Turnstile:
    """Lets work in. For one event loop.

    :param at_work: at a time; :param here: these, and those that wait for it.
    :param monotonic: gives seconds.
    :ivar refused: counts those that were sent away.
    """

    def __init__(
        self,
        at_work: int = AT_WORK,
        here: int = HERE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = at_work
        self._room = here
        self._monotonic = monotonic
        self._at_work = 0
        self._line: list[Place] = []
        self._here: set[str] = set()
        self._number = 0
        self._takes = FIRST_GUESS
        self._next = -math.inf
        self._asked: OrderedDict[str, float] = OrderedDict()
        self.refused = 0

    @property
    def waiting(self) -> int:
        """How many are in line."""
        return len(self._line)

    @property
    def at_work(self) -> int:
        """How many have their turn."""
        return self._at_work

    @contextmanager
    def let_in(self, who: str, urgency: int) -> Iterator[Place]:
        """Give a place until the block ends. Raise `RefusedError` with the time to come again.

        :param urgency: 0 is the most urgent, 7 the least.
        """
        if who in self._here:
            raise self._refused(FIRST_GUESS, "another request of this master is at work")
        known = self._asked.pop(who, None)
        asked = self._monotonic() if known is None else known
        self._number += 1
        place = Place(asked + PATIENCE[min(7, max(0, urgency))], self._number, who, asked)
        if len(self._here) >= self._room and not self._take_place_of_last(place):
            raise self._appointment(place, is_next=known is not None)
        self._here.add(who)
        try:
            yield place
        finally:
            self._here.discard(who)

    @asynccontextmanager
    async def turn(self, place: Place) -> AsyncIterator[None]:
        """Wait for the turn of a place, and have it until the block ends. Raise `RefusedError` as `let_in` does."""
        await self._wait(place)
        began = self._monotonic()
        try:
            yield
        finally:
            self._takes += _SMOOTHING * (self._monotonic() - began - self._takes)
            self._release()

    async def _wait(self, place: Place) -> None:
        """Come to one's turn; then it counts as at work."""
        if self._at_work < self._most:
            self._at_work += 1
            return
        place.go = asyncio.get_running_loop().create_future()
        heapq.heappush(self._line, place)
        try:
            await place.go
        except asyncio.CancelledError:
            if place in self._line:
                # The one who waits was cancelled, not its turn.
                self._drop(place)
                raise
            if not place.go.cancelled():
                # Its turn came in the same moment.
                self._release()
                raise
            raise self._appointment(place, is_next=True) from None

    def _release(self) -> None:
        """Let the next one have its turn."""
        while self._line:
            following = heapq.heappop(self._line)
            if following.go is not None and not following.go.done():
                following.go.set_result(None)
                return
        self._at_work -= 1

    def _take_place_of_last(self, place: Place) -> bool:
        """Send the last in line away for one whose time is up earlier."""
        last = max(self._line, default=None)
        if last is None or last.go is None or last < place:
            return False
        self._drop(last)
        self._here.discard(last.who)
        last.go.cancel()
        return True

    def _drop(self, place: Place) -> None:
        self._line.remove(place)
        heapq.heapify(self._line)

    def _appointment(self, place: Place, *, is_next: bool) -> RefusedError:
        """Send somebody away who is to come again when all before have been served.

        :param is_next: it was in line, or came at its time: those behind it do not come before it.
        """
        now = self._monotonic()
        pace = self._takes / self._most
        soon = now + pace * len(self._here)
        if not is_next:
            # What was promised while the work was slow does not hold anybody up when it is quick again.
            latest = soon + pace * (len(self._asked) + 1)
            self._next = soon = min(max(self._next + pace, soon), latest)
        self._asked[place.who] = place.asked
        while len(self._asked) > MOST_APPOINTMENTS:
            self._asked.popitem(last=False)
        return self._refused(soon - now, "too many masters deliver at once")

    def _refused(self, seconds: float, why: str) -> RefusedError:
        self.refused += 1
        again = math.ceil(min(max(1.0, seconds), LONGEST_APPOINTMENT))
        return RefusedError(429, RefusalCode.BUSY, why, retry_after=again)


def urgency_of(header: str) -> int:
    """Read the urgency in a ``Priority`` header; 3 where there is none (RFC 9218 4.1)."""
    for part in header[:64].split(","):
        name, _, value = part.strip().partition("=")
        if name == "u" and value.isdecimal() and len(value) == 1 and int(value) <= 7:
            return int(value)
    return 3
