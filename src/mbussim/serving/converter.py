"""The level converter: bytes from the ports go onto the bus, what the bus answers goes to the ports.

In real time every character takes its 11 bit times: the first and the last of an answer are handed on at once, those between
within `GRAIN` seconds, at times counted from the beginning, so that delays never add up. Without waiting, the clock jumps to the
next answer; only what lies beyond the answer window is waited for, since a late answer must stay late.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from mbus.link import timing
from mbussim.bus import Bus

GRAIN: Final = 0.004
"""Seconds over which characters of one answer may be gathered."""
BACKLOG: Final = 0.5
"""Seconds of characters that may wait for the wire before a port must stop taking more."""
PIECE: Final = 64
"""Characters that are put on the wire at a time."""


_log = logging.getLogger(__name__)


class Port(Protocol):
    """Where a client is connected."""

    def deliver(self, data: bytes) -> None:
        """Hand characters to the client; must not wait, and may lose them when the client does not read."""


class Converter:
    """One bus, any number of ports; every port hears everything, as behind a plain converter.

    :param clock: seconds, monotonic.
    :param fast: do not wait for the wire.
    """

    def __init__(self, bus: Bus, clock: Callable[[], float], *, fast: bool = False) -> None:
        self.bus = bus
        self.ports: set[Port] = set()
        self._clock = clock
        self._fast = fast
        self._epoch = clock()
        self._changed = asyncio.Event()
        self._handed_on = float("-inf")

    @property
    def now(self) -> float:
        """Seconds of the bus."""
        return self._clock() - self._epoch

    async def send(self, data: bytes, baud: int) -> None:
        """Put characters on the wire behind those already waiting; return when there is room for more.

        A meter that fails over a request is a meter that does not answer: it is logged, and the bus goes on.
        """
        for start in range(0, len(data), PIECE):
            try:
                end = self.bus.transmit(data[start : start + PIECE], self.now, baud)
            except Exception:
                _log.exception("a simulated meter failed")
                continue
            self._changed.set()
            if self._fast:
                self._skip_to(end)
                self.step()
            elif (excess := end - self.now - BACKLOG) > 0:
                await asyncio.sleep(excess)

    async def run(self) -> None:
        """Hand on what the bus says, until cancelled."""
        while True:
            self._changed.clear()
            wait = self.step()
            # A new request may bring an answer before the one that is waited for.
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    def step(self) -> float | None:
        """Hand on what is due; return the seconds until more will be, None when no answer is on its way."""
        while (span := self.bus.next_span()) is not None:
            first, last = span
            if self._fast and first - self.now <= self._longest_skip():
                self._skip_to(last)
            elif (wait := min(last, max(first, self._handed_on + GRAIN)) - self.now) > 0:
                return wait
            self._handed_on = self.now
            data = b"".join(piece.data for piece in self.bus.receive(self.now))
            for port in tuple(self.ports):
                port.deliver(data)
        return None

    def _longest_skip(self) -> float:
        baud = self.bus.rate
        return timing.answer_window(baud) + timing.characters(2, baud)

    def _skip_to(self, instant: float) -> None:
        self._epoch -= max(0.0, instant - self.now)
