"""What masters call: ``/hosting/v1/contact`` and ``/hosting/v1/readings``, each with the master's certificate."""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from mbusheadend.bodies import Room
from mbusheadend.errors import RefusedError
from mbusheadend.peers import Gate, Peer
from mbusheadend.presence import Presence
from mbusheadend.store import Store, StoreError
from mbusheadend.tenants.limits import Limits
from mbusheadend.turnstile import Turnstile, urgency_of
from mbusheadend.waits import first
from mbushosting.contact import CONTACT, LONGEST_WAIT, MAX_CONTACT, Contact, Orders, RefusalCode
from mbushosting.parts import Message
from mbushosting.readings import MAX_BODY, MAX_PACKED, READINGS, Batch, Receipt

RECHECK_SECONDS: Final = 15.0
"""So often a master that waits is looked at again: another process may have revoked it, or have orders for it."""
TOLD_SECONDS: Final = 60.0
"""What a master was told on a connection is no news there for so long: it may be at work on it."""
REPEAT_SECONDS: Final = 2.0
"""The same on another connection, where the answer may have been lost."""
MAX_TOLD: Final = 20000
CALLS_AT_WORK: Final = 64
"""Calls that are noted at a time; others are in line. One that waits for news is not at work."""
MOST_CALLS: Final = 2000
CALL_URGENCY: Final = 2
ASK_SECONDS: Final = 3.0
"""After which a store that does not answer counts as one that cannot be asked."""

_log = logging.getLogger(__name__)


class LateIntake(Protocol):
    """What takes readings that reach the store later."""

    async def take(
        self, serial: str, batch: Batch, received: datetime, *, certificate: int | None = None
    ) -> Receipt:
        """Take a batch, all of it or none, as `mbusheadend.store.Intake` does.

        :param certificate: serial number of one that the store is still to be asked about.
        """


class HostingApi:
    """The endpoints for masters.

    :ivar presence: knows who has a call open.
    :ivar uploads: the line of those who deliver; `calls` that of those who call.
    :param monotonic: gives seconds.
    :param stored: is called when readings were stored.
    :param took: is told what a master delivered, when it is stored.
    :param stream: takes readings in the place of the store, also while that cannot be asked.
    :param limits: of the tenant.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        room: Room,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        stored: Callable[[], None] = lambda: None,
        took: Callable[[Batch], None] = lambda batch: None,
        stream: LateIntake | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._store = store
        self._stream = stream
        self._limits = limits
        self._stored = stored
        self._took = took
        self._now = now
        self._room = room
        self._monotonic = monotonic
        self._gate = Gate(store, now)
        self._told = _Told(monotonic)
        self.presence = Presence(monotonic)
        self._closing = asyncio.Event()
        self.uploads = Turnstile(monotonic=monotonic)
        self.calls = Turnstile(CALLS_AT_WORK, MOST_CALLS, monotonic)

    def routes(self) -> list[Route]:
        """Give the endpoints."""
        return [
            Route(CONTACT, self._contact, methods=["POST"]),
            Route(READINGS, self._readings, methods=["POST"]),
        ]

    def close(self) -> None:
        """Let masters that wait for news have their answers now."""
        self._closing.set()

    async def _contact(self, request: Request) -> Response:
        peer = await self._gate.admit(request)
        wait = _wait(request)
        async with self._room.body(request, MAX_CONTACT) as body:
            contact = await body.read(Contact, MAX_CONTACT)
        # A body may take its time, and who was revoked meanwhile has nothing to say.
        await self._gate.check(peer)
        _see_that_it_is(peer, contact.serial_number)
        if self._limits is not None:
            contact = await self._limits.without_too_many_meters(contact)
        with self.presence.calling(peer.serial), self._store.changes.watch(peer.serial) as news:
            with self.calls.let_in(peer.serial, CALL_URGENCY) as place:
                async with self.calls.turn(place):
                    await self._store.note_contact(peer.serial, contact, self._now())
            orders = await self._orders_or_wait(request, peer, contact, wait, news)
        return _answer(orders)

    async def _orders_or_wait(
        self, request: Request, peer: Peer, contact: Contact, wait: float, news: asyncio.Event
    ) -> Orders:
        """Give the orders as soon as there is something new in them, or when the wait is over."""
        until = self._monotonic() + wait
        connection = request.scope.get("client")
        with _watching(request) as gone:
            while True:
                news.clear()
                now = self._now()
                orders = await self._store.orders(peer.serial, contact.orders, contact.meter_list, now)
                left = until - self._monotonic()
                is_over = left <= 0 or self._closing.is_set()
                if is_over or self._told.has_news(peer.serial, connection, contact, orders):
                    # What happened while it waited counts.
                    await self._gate.check(peer)
                    self._told.note(peer.serial, connection, contact, orders)
                    return orders.model_copy(update={"time": self._now()})
                await first(min(left, RECHECK_SECONDS), news, self._closing, gone)
                if gone.is_set():
                    raise ClientDisconnect
                await self._gate.check(peer)

    async def _readings(self, request: Request) -> Response:
        peer = self._gate.identify(request)
        await self._doubt(peer)
        urgency = urgency_of(request.headers.get("priority", ""))
        with self.uploads.let_in(peer.serial, urgency) as place:
            async with self._room.body(request, MAX_PACKED) as body:
                batch = await body.read(Batch, MAX_BODY)
            doubt = await self._doubt(peer)
            _see_that_it_is(peer, batch.serial_number)
            async with self.uploads.turn(place):
                # A master that hangs up does not stop what is being stored.
                receipt = await asyncio.shield(self._take(peer, batch, doubt))
        self._took(batch)
        return _answer(receipt)

    async def _take(self, peer: Peer, batch: Batch, doubt: int | None) -> Receipt:
        if self._limits is not None:
            await self._limits.count(batch)
        if self._stream is not None:
            return await self._stream.take(peer.serial, batch, self._now(), certificate=doubt)
        receipt = await self._store.take(peer.serial, batch, self._now())
        self._stored()
        return receipt

    async def _doubt(self, peer: Peer) -> int | None:
        """See that a master is trusted; give the number of its certificate where only the stream's writer can ask.

        Raise `RefusedError`, and `StoreError` where there is no stream.
        """
        if self._stream is None:
            await self._gate.check(peer)
            return None
        try:
            async with asyncio.timeout(ASK_SECONDS):
                await self._gate.check(peer)
        except (StoreError, TimeoutError) as error:
            _log.warning("the store does not say whether master %s is trusted: %r", peer.serial, error)
            return peer.number
        return None


class _Told:
    """Remembers what masters were told lately, so that one that has not finished it yet is not told in a circle."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._told: OrderedDict[str, tuple[object, float, frozenset[str]]] = OrderedDict()

    def has_news(self, serial: str, connection: object, contact: Contact, orders: Orders) -> bool:
        """Tell whether there is something in the orders that the master does not know."""
        before, at, told = self._told.get(serial, (None, 0.0, frozenset()))
        for_long = TOLD_SECONDS if before == connection else REPEAT_SECONDS
        known = told if self._monotonic() - at < for_long else frozenset()
        return not _pieces(contact, orders) <= known

    def note(self, serial: str, connection: object, contact: Contact, orders: Orders) -> None:
        """Remember what a master is told now."""
        pieces = _pieces(contact, orders)
        if not pieces:
            self._told.pop(serial, None)
            return
        self._told[serial] = (connection, self._monotonic(), pieces)
        self._told.move_to_end(serial)
        while len(self._told) > MAX_TOLD:
            self._told.popitem(last=False)


def _pieces(contact: Contact, orders: Orders) -> frozenset[str]:
    pieces = {f"command {command.id}" for command in orders.commands}
    if orders.schedules is not None:
        pieces.add(f"schedules {orders.version}")
    if orders.meter_list != contact.meter_list:
        pieces.add(f"meters {contact.meter_list}")
    return frozenset(pieces)


def _see_that_it_is(peer: Peer, serial: str) -> None:
    if serial != peer.serial:
        _log.warning("master %s speaks for another one, %s: refused", peer.serial, serial)
        raise RefusedError(403, RefusalCode.OTHER_MASTER, "the certificate is another master's")


def _wait(request: Request) -> float:
    text = request.query_params.get("wait", "0")
    if not text.isdecimal() or len(text) > 4:
        raise RefusedError(400, RefusalCode.MALFORMED, "wait is a number of seconds")
    return float(min(int(text), LONGEST_WAIT))


def _answer(message: Message) -> Response:
    return Response(message.model_dump_json(), media_type="application/json")


@contextlib.contextmanager
def _watching(request: Request) -> Iterator[asyncio.Event]:
    """Give an event that is set when the master has hung up."""
    gone = asyncio.Event()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            continue
        gone.set()

    task = asyncio.create_task(watch())
    try:
        yield gone
    finally:
        task.cancel()
