"""Tunnels, the master's side: the head-end orders one, the master dials, and somebody there is one more client of a bus.

Only while the settings allow it, for so long as they say at the most; whoever uses the bus that way shows on the pages, and can
be ended there. Opening and end are written into the audit log, with the name that the head-end gives.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from mbushosting.contact import Command
from mbushosting.tunnel import TunnelOffer, TunnelOrder
from mbusmaster.hosting.errands import Done
from mbusmaster.hosting.link_errors import HeadEndError
from mbusmaster.hosting.state import TunnelSeen
from mbusmaster.hosting.waits import within
from mbusmaster.settings.sections.system import HostingSettings

if TYPE_CHECKING:
    from mbusio.tunnel.end import Ended, TunnelEnd
    from mbusio.tunnel.streaming import Streaming

MOST: Final = 4
IDLE_MORE: Final = 60.0
"""Seconds that a tunnel may be idle beyond what the head-end lets it: so its reason is heard."""
READ_SIZE: Final = 4096
SWITCHED_OFF: Final = "hosting.allow_tunnel is off in the settings of the master"

_log = logging.getLogger(__name__)


class Clients(Protocol):
    """Lets clients use buses (`mbusmaster.channels.tunnel.TunnelClients`)."""

    def bus(self, name: str) -> str:
        """Give the name of a bus, of the first where it is empty; nothing where there is none of that name."""

    async def serve(self, sock: socket.socket, bus: str, who: str, source: str, idle: float) -> None:
        """Serve a client on a socket until it leaves, and close that. Raise `BusCrowdedError`."""


@dataclass(frozen=True, slots=True)
class Way:
    """What tunnels are made of.

    :ivar dial: opens the connection to the head-end for the tunnel of an id; raises `HeadEndError`.
    :ivar record: writes into the audit log: what, and where it came from.
    """

    dial: Callable[[str], Awaitable["Streaming"]]
    clients: Clients
    settings: Callable[[], HostingSettings]
    record: Callable[[str, str], None]
    clock: Callable[[], datetime]


class Tunnels:
    """Those that are open; `do` is an errand.

    :param changed: is called when `seen` has changed.
    """

    def __init__(self, way: Way, changed: Callable[[], None] = lambda: None) -> None:
        self._way = way
        self._changed = changed
        self._open: dict[str, _Tunnel] = {}
        self._dialling = 0

    @property
    def offer(self) -> TunnelOffer:
        """What the head-end is told."""
        return TunnelOffer.ON if self._way.settings().allow_tunnel else TunnelOffer.OFF

    @property
    def seen(self) -> tuple[TunnelSeen, ...]:
        """Those that are open."""
        return tuple(one.seen for one in self._open.values())

    def review(self) -> None:
        """The settings have changed."""
        if self.offer is not TunnelOffer.ON:
            for one in self._open.values():
                one.end("hosting.allow_tunnel was switched off at the master")

    def end(self, id: str, who: str) -> bool:
        """End one; tell whether it was open."""
        found = self._open.get(id)
        if found is not None:
            found.end(f"{who} ended it at the master")
        return found is not None

    async def do(self, command: Command) -> Done:
        """Dial as a command wants, and see the tunnel to its end. Cancelled, it ends."""
        order, refusal = command.tunnel, self._refusal(command)
        if order is None or refusal:
            return Done("refused", refusal)
        try:
            return await self._pass(command.id, order)
        except HeadEndError as error:
            _log.warning("tunnel: %s", error)
            return Done("failed", f"it cannot dial: {error}")

    def _refusal(self, command: Command) -> str:
        order = command.tunnel
        if order is None:
            return "the order says nothing of a tunnel"
        if self.offer is not TunnelOffer.ON:
            return SWITCHED_OFF
        if not self._way.clients.bus(order.bus):
            return f"there is no bus {order.bus} here"
        if len(self._open) + self._dialling >= MOST:
            return f"{MOST} tunnels are open already"
        return ""

    async def _pass(self, id: str, order: TunnelOrder) -> Done:
        # Needed while somebody reads that way, and in few masters at all.
        from mbusio.tunnel.end import TunnelEnd

        seconds = min(order.seconds, 60 * self._way.settings().tunnel_minutes)
        self._dialling += 1
        try:
            streaming = await self._way.dial(id)
        finally:
            self._dialling -= 1
        if self.offer is not TunnelOffer.ON:
            await streaming.close()
            return Done("refused", SWITCHED_OFF)
        tunnel = _Tunnel(
            TunnelSeen(
                id,
                _shown(order.who),
                _shown(order.source),
                self._way.clients.bus(order.bus),
                _shown(order.reason),
                self._way.clock(),
            ),
            TunnelEnd(streaming),
        )
        self._open[id] = tunnel
        seen = tunnel.seen
        about = f"for {seen.who or '-'} from {seen.source or '-'}, as the head-end says"
        bus = f"tunnel to bus {seen.bus}"
        self._way.record(f"{bus} opened {about}: {seen.reason or '-'}", "head-end")
        self._changed()
        ended: Ended | None = None
        try:
            ended = await tunnel.run(self._way.clients, seconds, order.idle_seconds + IDLE_MORE)
        finally:
            del self._open[id]
            why = "broken off" if ended is None else ended.text
            took = (self._way.clock() - seen.since).total_seconds()
            figures = f"{took:.0f} s, {tunnel.end_here.received} bytes here, {tunnel.end_here.sent} back"
            self._way.record(f"{bus} ended {about}: {figures}: {why}", "head-end")
            self._changed()
        return Done("done", f"{figures}: {why}")


class _Tunnel:
    """One that is open."""

    def __init__(self, seen: TunnelSeen, end: "TunnelEnd") -> None:
        self.seen = seen
        self.end_here = end
        self._reason = ""
        self._wanted_over = asyncio.Event()

    def end(self, reason: str) -> None:
        """Let `run` end."""
        self._reason = self._reason or reason
        self._wanted_over.set()

    async def run(self, clients: Clients, seconds: float, idle: float) -> "Ended":
        """Carry bytes between the head-end and a client of the bus until one of them has enough; say why."""
        from mbusio.tunnel.end import TunnelEndedError
        from mbusio.tunnel.frames import EndCode

        here, there = socket.socketpair()
        here.setblocking(False)
        there.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=here, limit=READ_SIZE)
        end, seen = self.end_here, self.seen
        source = f"{seen.source} by way of the head-end".strip()

        async def inward() -> None:
            while True:
                writer.write(await end.read())
                await writer.drain()

        async def outward() -> None:
            while data := await reader.read(READ_SIZE):
                await end.write(data)

        end.start()
        tasks = [
            asyncio.create_task(clients.serve(there, seen.bus, seen.who, source, idle)),
            asyncio.create_task(inward()),
            asyncio.create_task(outward()),
            asyncio.create_task(within(seconds, self._wanted_over)),
        ]
        code, text = EndCode.ENDED, "hosting was switched off at the master, or the master ends"
        try:
            await end.greet()
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[3].done():
                over = not tasks[3].result()
                code = EndCode.TIME if over else EndCode.ENDED
                text = (
                    f"the master keeps a tunnel open for {seconds / 60:.3g} minutes" if over else self._reason
                )
            elif end.ended is None:
                error = tasks[0].exception() if tasks[0].done() else None
                text = str(error or "the master lets this client go: it asked nothing, or read nothing")
        except TunnelEndedError:
            pass
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await end.close(code, text)
            writer.transport.abort()
            with contextlib.suppress(OSError):
                there.close()
        assert end.ended is not None, "it was closed"
        return end.ended


def _shown(text: str) -> str:
    """Give what somebody else wrote in one line that can be shown."""
    return "".join(char if char.isprintable() else " " for char in text).strip()
