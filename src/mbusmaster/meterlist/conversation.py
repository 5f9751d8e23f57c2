"""A job's share of a bus, with a count of what it cost and an eye on answers that come too late."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from mbus.link.timing import answer_window
from mbus.link.transaction import Fault
from mbus.procedures.steps import Garbled, Note, Outcome, Procedure, Request, Silence
from mbusio import driver
from mbusmaster.bus.client import Client

T = TypeVar("T")

LATE: Final = 2.0
"""Seconds that answers get on top of the standard's window once some came too late, as `mbusio.allowance` begins with."""


class Conversation:
    """What procedures of a job run on.

    :ivar baud: rate of the requests.
    :ivar transactions: so far.
    :ivar doubts: how often bytes came when nobody was asked, or an answer that belonged to another request: a silence before it
        may not have been one.
    :ivar waits_longer: give every request `LATE` seconds more.
    """

    def __init__(self, client: Client, baud: int) -> None:
        self.baud = baud
        self.transactions = 0
        self.doubts = 0
        self.waits_longer = False
        self._client = client
        self._before: Outcome | None = None
        self._lap = (0, asyncio.get_running_loop().time())

    async def run(self, procedure: Procedure[T], *, watch: Callable[[Note], None] | None = None) -> T:
        """Run a procedure; raise what it raises, `BusDownError` and `BusIOError`."""
        return await driver.run(procedure, self, watch=watch)

    async def transact(self, request: Request) -> Outcome:
        """Carry out one transaction."""
        if self.waits_longer and request.timeout is None:
            request = replace(request, timeout=answer_window(self.baud) + LATE)
        outcome = await self._client.transact(request)
        self.transactions += 1
        is_late = bool(outcome.late) and isinstance(self._before, Silence)
        self.doubts += is_late or (isinstance(outcome, Garbled) and outcome.why is Fault.FOREIGN)
        self._before = outcome
        return outcome

    async def set_baud(self, baud: int) -> None:
        """Use another rate for this job's requests; the other clients keep theirs."""
        await self._client.set_baud(baud)
        self.baud = baud

    def begin_lap(self) -> None:
        """Measure the pace from here on."""
        self._lap = (self.transactions, asyncio.get_running_loop().time())

    def seconds_for(self, transactions: int) -> float | None:
        """Estimate how long so many more transactions take, at the pace so far; None while there is none."""
        count, since = self._lap
        done = self.transactions - count
        if not done:
            return None
        return transactions * (asyncio.get_running_loop().time() - since) / done
