"""Keeps in touch with the head-end: tells how the master is, takes its orders, hands readings over.

A contact is a call that the head-end may keep open until it has news, so that an order is here within a moment; the next one
follows at once. A head-end that answers at once without news is called again after the interval that it names, spread at random.
What the master itself has to tell (a result, an alarm) ends an open call and goes out with the next. Calls that fail are tried
again ever more rarely, up to a ceiling, also spread: thousands of masters do not come back in the same instant.

Readings go out as they come, a few seconds' worth together. One that the head-end refuses to read at all is set aside for an
hour, so that the others pass it.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, Protocol

from mbushosting.contact import LONGEST_WAIT, Contact, Orders
from mbushosting.readings import MAX_BATCH, Batch, Receipt
from mbusmaster.hosting.errors import HostingFileError
from mbusmaster.hosting.link_errors import HeadEndError, HeadEndOverloadedError, HeadEndRefusedError
from mbusmaster.hosting.outbox import Outbox
from mbusmaster.hosting.waits import within
from mbusweb.texts import NO_TEXT, Text, mark

FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 600.0
LONGEST_REFUSED: Final = 3600.0
"""Seconds between calls to a head-end that wants a new token."""
LEAST_PAUSE: Final = 1.0
"""Between two contacts, whatever there is to tell."""
GATHER: Final = 5.0
"""Seconds for which readings are gathered before they go out."""
SET_ASIDE: Final = 3600.0
MOST_ASIDE: Final = 100
FILE_AGAIN: Final = 10.0
NOT_CALLED: Final = mark("The head-end has not been called yet.")
NOT_TAKEN: Final = mark("The head-end stores none of the readings that it gets.")

_log = logging.getLogger(__name__)


class HeadEnd(Protocol):
    """The way to the head-end (`mbusmaster.hosting.link.HeadEnd`)."""

    async def contact(self, contact: Contact, wait: float) -> Orders:
        """Say how the master is; wait so many seconds for news. Raise `HeadEndError`."""

    async def deliver(self, batch: Batch) -> Receipt:
        """Hand readings over; what the receipt names is stored for good. Raise `HeadEndError`."""


class Ear(Protocol):
    """Who speaks to the head-end, and does what it says (`mbusmaster.hosting.service`)."""

    async def tell(self) -> Contact:
        """Say how the master is; raise `HostingFileError`."""

    async def hear(self, said: Contact, orders: Orders) -> bool:
        """The head-end has heard that and wants this; tell whether it brought news. Raise `HostingFileError`."""


class Backoff:
    """How long to wait after failures in a row."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._failures = 0

    def succeeded(self) -> None:
        """The next failure is the first."""
        self._failures = 0

    def seconds(self, error: HeadEndError) -> float:
        """Give the wait after a failure; a head-end that is busy has given an appointment."""
        if isinstance(error, HeadEndOverloadedError) and error.retry_after:
            # Those behind it in line have later ones: doubling would lose its place.
            return min(error.retry_after, LONGEST_REFUSED) * (1 + self._chance() / 10)
        hopeless = isinstance(error, HeadEndRefusedError) and error.needs_token
        longest = LONGEST_REFUSED if hopeless else LONGEST_PAUSE
        pause = min(longest, FIRST_PAUSE * 2.0 ** min(self._failures, 12)) * (1 - self._chance() / 2)
        self._failures += 1
        return max(pause, min(error.retry_after or 0.0, LONGEST_REFUSED))


class Agent:
    """The conversation with one head-end.

    :param chance: gives numbers from 0 up to 1.
    :param changed: is called when `reached` or `reason` have changed.
    :ivar reached: the head-end answered the last time.
    :ivar reason: why it did not; empty where it did.
    :ivar last_contact: when it answered last.
    """

    def __init__(
        self,
        head_end: HeadEnd,
        ear: Ear,
        outbox: Outbox,
        serial_number: str,
        *,
        clock: Callable[[], datetime],
        chance: Callable[[], float] = random.random,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.reached = False
        self.reason = Text(NOT_CALLED)
        self.last_contact: datetime | None = None
        self._head_end = head_end
        self._ear = ear
        self._outbox = outbox
        self._serial_number = serial_number
        self._clock = clock
        self._chance = chance
        self._changed = changed
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()
        self._call = asyncio.Event()
        self._delivery_call = asyncio.Event()
        self._aside: dict[str, float] = {}
        self._most = MAX_BATCH

    def tell_soon(self) -> None:
        """There is something that the head-end should know."""
        self._news.set()

    def deliver_soon(self) -> None:
        """Somebody waits for the readings that are here."""
        self._hurry.set()

    def call_now(self) -> None:
        """Whatever was in the way is perhaps gone: do not wait any longer."""
        self._call.set()
        self._delivery_call.set()
        self._news.set()
        self._hurry.set()

    async def run(self) -> None:
        """Talk until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_contact(), name="contact with the head-end")
            tasks.create_task(self._keep_delivering(), name="delivery to the head-end")

    async def say_once(self) -> None:
        """Say how the master is, and do not listen: for the end."""
        with contextlib.suppress(HeadEndError, HostingFileError):
            await self._head_end.contact(await self._ear.tell(), 0)

    async def _keep_contact(self) -> None:
        backoff = Backoff(self._chance)
        wait = 0.0
        while True:
            self._call.clear()
            try:
                pause, wait = await self._contact(wait)
                backoff.succeeded()
            except HeadEndError as error:
                self._note(False, error.text)
                pause, wait = backoff.seconds(error), 0.0
                _log.info("hosted reading: %s; trying again in %.0f s", error, pause)
                await within(pause, self._call)
                continue
            except HostingFileError as error:
                _log.error("hosted reading: %s", error)
                await asyncio.sleep(FILE_AGAIN)
                continue
            await asyncio.sleep(LEAST_PAUSE)
            if pause and await within(pause - LEAST_PAUSE, self._news):
                wait = 0.0

    async def _contact(self, wait: float) -> tuple[float, float]:
        """Make one contact; give how long to pause then, and how long to let the next one wait."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._news.clear()
        said = await self._ear.tell()
        orders = await self._unless_news(self._head_end.contact(said, wait)) if wait else None
        if wait and orders is None:
            return 0.0, 0.0
        if orders is None:
            orders = await self._head_end.contact(said, 0)
        self.last_contact = self._clock()
        self._note(True, NO_TEXT)
        brought = await self._ear.hear(said, orders)
        if self._news.is_set():
            return 0.0, 0.0
        was_held = loop.time() - began >= wait / 2
        if brought or was_held:
            return 0.0, LONGEST_WAIT
        return orders.interval * (0.8 + 0.4 * self._chance()), LONGEST_WAIT

    async def _unless_news(self, calling: Awaitable[Orders]) -> Orders | None:
        """Await a call that may stay open; None where there was something to tell first."""
        call = asyncio.ensure_future(calling)
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({call, news}, return_when=asyncio.FIRST_COMPLETED)
            return call.result() if call.done() else None
        finally:
            news.cancel()
            if not call.done():
                call.cancel()
                await asyncio.wait({call})

    async def _keep_delivering(self) -> None:
        backoff = Backoff(self._chance)
        while True:
            await self._outbox.arrived.wait()
            if self._outbox.outgoing < MAX_BATCH:
                await within(GATHER, self._hurry)
            self._hurry.clear()
            self._delivery_call.clear()
            try:
                await self._deliver()
                backoff.succeeded()
            except HeadEndError as error:
                pause = backoff.seconds(error)
                _log.info("hosted reading: %s; delivering again in %.0f s", error, pause)
                # Each command that is done makes haste: that must not undo what keeps the crowd off a head-end in trouble.
                least = pause if error.retry_after else min(pause, FIRST_PAUSE)
                if not await within(least, self._delivery_call):
                    await within(pause - least, self._hurry)
            except HostingFileError as error:
                _log.error("hosted reading: %s", error)
                await asyncio.sleep(FILE_AGAIN)

    async def _deliver(self) -> None:
        now = asyncio.get_running_loop().time()
        self._aside = {id: until for id, until in self._aside.items() if until > now}
        parcel = await self._outbox.parcel(self._most, self._aside)
        if not parcel.readings:
            if self._aside and not await within(min(self._aside.values()) - now, self._outbox.arrived):
                self._outbox.arrived.set()
            return
        try:
            receipt = await self._head_end.deliver(
                Batch(serial_number=self._serial_number, readings=parcel.readings)
            )
        except HeadEndRefusedError as error:
            if not error.needs_token:
                self._narrow(parcel.readings[0].id, len(parcel.readings), now)
            raise
        self._most = MAX_BATCH
        if not parcel.numbers.keys() & {*receipt.stored, *receipt.refused}:
            raise HeadEndError(Text(NOT_TAKEN))
        await self._outbox.settle(parcel, receipt)

    def _narrow(self, id: str, count: int, now: float) -> None:
        """A batch was refused: find the reading that it is about."""
        if count > 1:
            self._most = max(1, count // 8)
        elif len(self._aside) < MOST_ASIDE:
            _log.error("hosted reading: the head-end refuses reading %s: it is tried again in an hour", id)
            self._aside[id] = now + SET_ASIDE
            self._most = MAX_BATCH

    def _note(self, reached: bool, reason: Text) -> None:
        if (reached, reason) != (self.reached, self.reason):
            if reached and not self.reached:
                _log.info("hosted reading: the head-end answers")
                self._hurry.set()
            self.reached, self.reason = reached, reason
            self._changed()
