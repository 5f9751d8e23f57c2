"""Collisions that only the current shows: two E5 at the same instant add up to one sound E5 (MBUS.md 1.1, 3.4).

While the request is sent no meter sends: what flows then is the ground on which the answer's current stands, unless more was
learnt before. From then to the end of the answer the current is sampled. One meter draws at most 20 mA more (MBUS.md 1.1).

What is marked: an acknowledgement, and bytes that are no answer. A sound reply is left alone: its checksum says more than a
current. A source that is too slow once does not judge this answer.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from mbus.link.frames import ACK
from mbus.link.timing import characters
from mbus.link.transaction import Ack, Expects, Fault, Garbled, Outcome
from mbus.procedures.steps import Request
from mbusmaster.bus.arbiter import BusLine
from mbusmaster.bus.line.reading import LineMonitorError
from mbusmaster.bus.line.watch import LineWatch

SAMPLE_SECONDS: Final = 0.004
"""Between two samples: an E5 at 2400 baud lasts 4.6 ms."""
SLOW_SECONDS: Final = 0.020
"""A sample that took longer comes from a source that cannot follow an answer."""


class WatchedLine:
    """A line whose answers are judged by their current too.

    :param watch: is told of every transaction.
    """

    def __init__(self, line: BusLine, watch: LineWatch) -> None:
        self._line = line
        self._watch = watch

    @property
    def baud(self) -> int:
        """The rate on the bus."""
        return self._line.baud

    @baud.setter
    def baud(self, baud: int) -> None:
        self._line.baud = baud

    async def transact(self, request: Request, *, on_bytes: Callable[[bytes], None] | None = None) -> Outcome:
        """Carry out one transaction (`mbusio.line.Line.transact`)."""
        watch = self._watch
        watch.asks()
        following = None
        if request.expects is not Expects.NOTHING and watch.judges:
            following = asyncio.create_task(self._collides(request))
        try:
            outcome = await self._line.transact(request, on_bytes=on_bytes)
            collided = following is not None and following.done() and following.result()
        finally:
            watch.asked()
            if following is not None:
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait({following})
        return marked(outcome) if collided else outcome

    async def set_baud(self, baud: int) -> None:
        """Use another rate from now on."""
        await self._line.set_baud(baud)

    async def _collides(self, request: Request) -> bool:
        """Follow the current until it shows a collision; runs on until cancelled where it shows none."""
        loop = asyncio.get_running_loop()
        watch = self._watch
        ground = watch.idle
        assert ground is not None
        sent_at = loop.time() + characters(len(request.frame.to_bytes()), self.baud)
        while True:
            began = loop.time()
            try:
                current = await watch.current()
            except LineMonitorError:
                return False
            now = loop.time()
            if now - began > SLOW_SECONDS:
                return False
            if now <= sent_at:
                ground = max(ground, current)
            elif current > ground + watch.collision_above:
                return True
            await asyncio.sleep(SAMPLE_SECONDS)


def marked(outcome: Outcome) -> Outcome:
    """Give what an outcome is when several meters were seen to send."""
    match outcome:
        case Ack(late):
            return Garbled(bytes((ACK,)), Fault.COLLISION, late)
        case Garbled(data, _, late):
            return Garbled(data, Fault.COLLISION, late)
        case _:
            return outcome
