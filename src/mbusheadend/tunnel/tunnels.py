"""Tunnels that operators ask for: ordered from the master, joined, watched, listed, ended.

The order is a command in the store, so that any process can hear of it, list it and end it; who asked waits at one process, and
decides which master's connection is the one.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from mbusheadend.courier import Courier, CourierLostError, Subscription
from mbusheadend.settings import TunnelSettings
from mbusheadend.store import Master, Store, StoredCommand, StoreError, UnknownError
from mbusheadend.store.fleet import CommandState
from mbusheadend.tunnel.envelope import Envelope, Part, to_master, to_operator
from mbusheadend.tunnel.errors import TunnelError, Why
from mbusheadend.tunnel.figures import TunnelFigures
from mbusheadend.tunnel.relay import Half, Limits
from mbusheadend.tunnel.wire import Wire
from mbushosting.contact import LONGEST_WAIT, Command, CommandKind
from mbushosting.tunnel import TunnelOffer, TunnelOrder
from mbusio.tunnel.end import Ended
from mbusio.tunnel.frames import EndCode, Frame, FrameError

JOIN_SECONDS: Final = 20.0
"""For the master to hear of it and to dial."""
LOOK_SECONDS: Final = 1.0
"""Between two looks at what the master says of the order meanwhile."""
HEARD_SECONDS: Final = LONGEST_WAIT + 20.0
"""A master that called so lately may be connected with another process."""
GRACE: Final = timedelta(minutes=2)
"""After its longest time an order counts as over, whatever the master says of it."""
MOST_LISTED: Final = 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for.

    :ivar bus: empty is the first.
    :ivar minutes: of the tunnel; None for as long as it may be.
    """

    serial: str
    bus: str
    who: str
    source: str
    reason: str
    minutes: int | None


class Auditor(Protocol):
    """Writes into the audit log."""

    def __call__(self, who: str, source: str, detail: str) -> None:
        """Write an entry."""


class Tunnels:
    """Those of one process, and the orders of all.

    :param is_connected: tells whether an order reaches a master within a moment.
    """

    def __init__(
        self,
        store: Store,
        courier: Courier,
        settings: TunnelSettings,
        now: Callable[[], datetime],
        is_connected: Callable[[str], bool],
        audit: Auditor,
    ) -> None:
        self._opened = self._up = self._down = 0
        self._store = store
        self._courier = courier
        self._settings = settings
        self._now = now
        self._is_connected = is_connected
        self._audit = audit
        self._halves: dict[str, Half | None] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def count(self) -> int:
        """Tunnels of operators at this process now, also those that wait for their master."""
        return len(self._halves)

    def figures(self) -> TunnelFigures:
        """Tell how many there are, and what passed."""
        return TunnelFigures(self.count, self._opened, self._up, self._down)

    def look(self) -> None:
        """Users or tokens have changed: see at once who may stay."""
        for half in self._halves.values():
            if half is not None:
                half.look()

    async def close(self) -> None:
        """End all; the process ends."""
        for half in self._halves.values():
            if half is not None:
                half.end(EndCode.ENDED, "the head-end is being stopped")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(JOIN_SECONDS):
                await self._empty.wait()

    async def list(self, serial: str) -> tuple[StoredCommand, ...]:
        """Give the tunnels to a master that are open, or wait for it, at whatever process. Raise `StoreError`."""
        now = self._now()
        return tuple(
            one
            for one in await self._store.commands(serial, MOST_LISTED)
            if one.command.kind is CommandKind.TUNNEL
            and one.state.is_open
            and (one.command.expires is None or one.command.expires > now)
        )

    async def end(self, serial: str, id: str, by: str) -> None:
        """End one, at whatever process. Raise `UnknownError` where none of this id is open, or another `StoreError`."""
        if id not in {one.command.id for one in await self.list(serial)}:
            raise UnknownError(f"no tunnel {id} to the master {serial} is open")
        end = Frame.end(EndCode.ENDED, f"{by} ended it at the head-end")
        stop = Envelope(Part.STOP, 0, end.payload).to_bytes()
        for topic in (to_operator(id), to_master(id)):
            with contextlib.suppress(CourierLostError):
                await self._courier.publish(topic, stop)
        await self._forget(serial, id)

    async def open(self, asked: Asked, objection: Callable[[], Awaitable[str]]) -> "Opened":
        """Order a tunnel and wait until the master is there. Raise `TunnelError`, `StoreError`.

        :param objection: tells why who asked may not stay; empty while nobody objects.
        """
        master = await self._store.master(asked.serial)
        _see_that_it_can(master, asked.bus)
        self._see_that_it_is_there(master)
        if self.count >= self._settings.most:
            text = f"{self.count} tunnels are open already: end one, or try again later"
            if not self._settings.most:
                raise TunnelError(Why.OFF, "this head-end opens no tunnels: tunnel.most of its settings is 0")
            raise TunnelError(Why.TOO_MANY, text)
        id = f"tunnel-{secrets.token_hex(16)}"
        self._halves[id] = None
        self._empty.clear()
        context = AsyncExitStack()
        try:
            await self._see_that_there_is_room(asked.serial)
            limits = self._limits(asked)
            heard = await context.enter_async_context(self._courier.subscribe(to_operator(id)))
            await self._order(id, asked, limits)
            await self._see_that_there_is_room(asked.serial, 1)
            await self._joined(id, asked.serial, heard)
        except BaseException as error:
            await context.aclose()
            self._leave(id)
            await self._forget(asked.serial, id)
            if isinstance(error, CourierLostError):
                raise TunnelError(Why.SILENT, f"the head-end cannot carry it now: {error}") from error
            raise
        return Opened(self, id, asked, limits, heard, context, objection)

    async def _see_that_there_is_room(self, serial: str, taken: int = 0) -> None:
        """See that there are not too many to a master. Raise `TunnelError`.

        :param taken: by this one; of some that ask at once perhaps none gets one then, but never one too many.
        """
        most = self._settings.most_per_master
        if len(await self.list(serial)) - taken >= most:
            raise TunnelError(Why.TOO_MANY, f"{most} tunnels to this master are open already: end one")

    def _limits(self, asked: Asked) -> Limits:
        longest = 60.0 * min(asked.minutes or self._settings.longest_minutes, self._settings.longest_minutes)
        return Limits(longest, min(longest, 60.0 * self._settings.idle_minutes))

    def _see_that_it_is_there(self, master: Master) -> None:
        heard = master.last_contact
        age = None if heard is None else (self._now() - heard).total_seconds()
        if self._is_connected(master.serial) or (age is not None and age < HEARD_SECONDS):
            return
        last = "it has never called" if heard is None else f"last heard {heard:%Y-%m-%d %H:%M:%S} UTC"
        raise TunnelError(Why.NOT_CONNECTED, f"the master {master.serial} is not connected: {last}")

    async def _order(self, id: str, asked: Asked, limits: Limits) -> None:
        now = self._now()
        order = TunnelOrder(
            bus=asked.bus,
            who=asked.who[:200],
            source=asked.source[:200],
            reason=asked.reason[:200],
            seconds=int(limits.longest),
            idle_seconds=int(limits.idle),
        )
        expires = now + timedelta(seconds=limits.longest) + GRACE
        command = Command(id=id, kind=CommandKind.TUNNEL, expires=expires, tunnel=order)
        await self._store.add_command(asked.serial, command, now)

    async def _joined(self, id: str, serial: str, heard: Subscription) -> None:
        """Wait for the master, and take the first connection of it. Raise `TunnelError`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + JOIN_SECONDS
        receiving = asyncio.ensure_future(_first_join(heard))
        try:
            while not receiving.done():
                left = until - loop.time()
                if left <= 0:
                    raise TunnelError(
                        Why.SILENT,
                        f"the master {serial} did not dial within {JOIN_SECONDS:.0f} s; its log may say why",
                    )
                await asyncio.wait({receiving}, timeout=min(left, LOOK_SECONDS))
                stored = await self._store.command(serial, id)
                if not receiving.done() and not stored.state.is_open:
                    raise _refusal(serial, stored)
        finally:
            receiving.cancel()
        word = receiving.result()
        await self._courier.publish(to_master(id), Envelope(Part.ACCEPT, 0, word).to_bytes())

    async def _serve(self, opened: "Opened", wire: Wire) -> None:
        """Pass frames until the tunnel has ended, and write down what became of it."""
        asked, began = opened.asked, self._now()
        half = Half(
            self._courier,
            opened.heard,
            to_master(opened.id),
            wire,
            "the operator's program",
            opened.limits,
            opened.objection,
        )
        self._halves[opened.id] = half
        self._opened += 1
        bus = f" bus {asked.bus}" if asked.bus else ""
        self._audit(asked.who, asked.source, f"{asked.serial}{bus}: opened: {asked.reason or '-'}")
        ended: Ended | None = None
        try:
            ended = await half.run()
        finally:
            self._up += half.up
            self._down += half.down
            why = "broken off" if ended is None else ended.text or ended.code.name.lower()
            seconds = (self._now() - began).total_seconds()
            detail = f"{asked.serial}{bus}: ended after {seconds:.0f} s, {half.up} bytes there, {half.down} back: {why}"
            self._audit(asked.who, asked.source, detail)
            _log.info("tunnel of %s to %s", asked.who, detail)
            # The list is right at once; the master's own word on it, when it comes, counts.
            await self._forget(asked.serial, opened.id)

    async def _forget(self, serial: str, id: str) -> None:
        """Want the order no more, where it is open still."""
        try:
            await self._store.cancel_command(serial, id, self._now())
        except UnknownError:
            pass
        except StoreError as error:
            # It lapses by itself.
            _log.warning("the tunnel %s stays in the list: %s", id, error)

    def _leave(self, id: str) -> None:
        self._halves.pop(id, None)
        if not self._halves:
            self._empty.set()


@dataclass(frozen=True, slots=True)
class Opened:
    """A tunnel whose master is there; `serve` is to be called, once, also where nobody is left on the wire."""

    tunnels: Tunnels
    id: str
    asked: Asked
    limits: Limits
    heard: Subscription
    context: AsyncExitStack
    objection: Callable[[], Awaitable[str]]

    async def serve(self, wire: Wire) -> None:
        """Pass frames until it has ended."""
        try:
            await self.tunnels._serve(self, wire)
        finally:
            await self.context.aclose()
            self.tunnels._leave(self.id)


@contextlib.asynccontextmanager
async def joining(courier: Courier, id: str, seconds: float) -> AsyncIterator[Subscription | None]:
    """Join a tunnel as the master's half: give what it hears; None where it is over, or another connection was first.

    Raise `CourierLostError`.
    """
    word = secrets.token_bytes(8)
    async with courier.subscribe(to_master(id)) as heard:
        await courier.publish(to_operator(id), Envelope(Part.JOIN, 0, word).to_bytes())
        accepted = False
        with contextlib.suppress(TimeoutError, FrameError):
            async with asyncio.timeout(seconds):
                envelope = Envelope.from_bytes(await heard.receive())
                accepted = envelope.part is Part.ACCEPT and envelope.content == word
        yield heard if accepted else None


async def _first_join(heard: Subscription) -> bytes:
    while True:
        envelope = Envelope.from_bytes(await heard.receive())
        if envelope.part is Part.JOIN:
            return envelope.content
        if envelope.part is Part.STOP:
            raise TunnelError(Why.REFUSED, "it was ended before the master was there")


def _see_that_it_can(master: Master, bus: str) -> None:
    serial, contact = master.serial, master.contact
    if master.local is not None:
        text = f"the master {serial} is read locally: read it directly, at {master.local.url}"
        raise TunnelError(Why.LOCAL, text)
    if contact is None:
        raise TunnelError(Why.NOT_CONNECTED, f"the master {serial} is not connected: it has never called")
    if not contact.hosting:
        raise TunnelError(Why.HOSTING_OFF, f"hosting is switched off at the master {serial}")
    if contact.tunnel == TunnelOffer.UNKNOWN:
        raise TunnelError(
            Why.TOO_OLD, f"the software of the master {serial} knows no tunnels: bring it up to date"
        )
    if contact.tunnel != TunnelOffer.ON:
        raise TunnelError(
            Why.NOT_ALLOWED,
            f"the master {serial} does not allow it: hosting.allow_tunnel is off in its settings",
        )
    names = [one.name for one in contact.buses]
    if bus and bus not in names:
        raise TunnelError(
            Why.UNKNOWN_BUS, f"the master {serial} has no bus {bus}; its buses: {', '.join(names)}"
        )


def _refusal(serial: str, stored: StoredCommand) -> TunnelError:
    if stored.state is CommandState.CANCELLED:
        return TunnelError(Why.REFUSED, "it was taken back before the master was there")
    return TunnelError(Why.REFUSED, f"the master {serial} says: {stored.detail or stored.state}")
