"""Clients over TCP, whatever stands at the door: arriving, being served, making room, being let go.

A connection arrives, the door makes streams of it (`Door.welcome`: at once, or after a TLS handshake), and then it is a client
with its own share of a bus. Both states have their own bounds, so that those who never get past the door keep no client out.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final, Protocol

from mbusmaster.bus.client import Client
from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.limits import Admission, Rarely
from mbusmaster.channels.listener import ChannelError, Listener, ListenerSettings
from mbusmaster.channels.session import Session
from mbusmaster.errors import BusCrowdedError

QUIET_SECONDS: Final = 60.0
"""A connection that is quiet for so long makes room for another one where there are too many."""
ARRIVAL_SECONDS: Final = 1.0
"""One that takes longer than this to get past the door makes room for another one where too many stand there."""

__all__ = ["ChannelError", "Door", "Guest", "PlainDoor", "TcpChannel", "TcpSettings", "UnwelcomeError"]

_log = logging.getLogger(__name__)


class TcpSettings(ListenerSettings, Protocol):
    """What the settings of every such channel say."""

    @property
    def max_clients(self) -> int:
        """Clients at the same time; as many again may be at the door."""

    @property
    def max_clients_per_source(self) -> int:
        """Of them from one address."""

    @property
    def idle_close(self) -> float:
        """Seconds without a request after which a client is let go."""


class UnwelcomeError(Exception):
    """The door lets somebody not in.

    :ivar kind: short name of the reason, by which the log keeps repetitions out.
    :ivar farewell: closes the connection once it was told; None where it is closed already.
    """

    def __init__(
        self, kind: str, text: str, farewell: Callable[[], Coroutine[None, None, None]] | None = None
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.farewell = farewell


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody whom the door has let in.

    :ivar name: empty where the door learns none.
    :ivar certificate: DER of what was shown; empty where nothing was.
    :ivar joined: is told the guest's share of the bus, and how to tell the log, before anything is read.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    name: str = ""
    certificate: bytes = b""
    joined: Callable[[Client, Callable[[str, str], None]], None] = lambda client, tell: None


class Door(Protocol):
    """Makes byte streams of new connections."""

    async def welcome(self, sock: socket.socket) -> Guest:
        """Take over a connection, also when cancelled; raise `UnwelcomeError` or `OSError`."""

    def objection(self, guest: Guest) -> str:
        """Say why a guest must leave now; empty when it need not."""


class PlainDoor:
    """Lets everybody in."""

    async def welcome(self, sock: socket.socket) -> Guest:
        """Open streams."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock)
        return Guest(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    def objection(self, guest: Guest) -> str:
        """Have none."""
        return ""


class _Connection:
    __slots__ = ("guest", "leaving", "port", "session", "since", "sock", "source", "task")

    def __init__(self, sock: socket.socket, source: str, port: int, since: float) -> None:
        self.sock: socket.socket | None = sock
        self.source = source
        self.port = port
        self.since = since
        self.task: asyncio.Task[None] | None = None
        self.guest: Guest | None = None
        self.session: Session | None = None
        self.leaving = False

    def __str__(self) -> str:
        return f"{self.guest.name} ({self.source})" if self.guest and self.guest.name else self.source

    def end(self) -> None:
        self.leaving = True
        assert self.task is not None, "every connection has its task"
        self.task.cancel()


class TcpChannel:
    """Listens, and serves each client with its own share of a bus.

    :param name: for logs and counters.
    :param section: of the settings, for messages.
    """

    def __init__(self, name: str, section: str, settings: TcpSettings, engine: BusEngine, door: Door) -> None:
        self.name = name
        self._settings = settings
        self._engine = engine
        self._door = door
        self._arriving = Admission(settings.max_clients, settings.max_clients_per_source)
        self._admission = Admission(settings.max_clients, settings.max_clients_per_source)
        self._rarely = Rarely()
        self._listener = Listener(name, section, settings, self._accepted)
        # In the order in which they came.
        self._connections: dict[_Connection, None] = {}

    @property
    def endpoints(self) -> tuple[tuple[str, int], ...]:
        """Addresses and ports that it listens at."""
        return self._listener.endpoints

    @property
    def clients(self) -> int:
        """Connections past the door now."""
        return self._admission.count

    @property
    def arriving(self) -> int:
        """Connections at the door now."""
        return self._arriving.count

    async def start(self) -> None:
        """Begin to listen at every address; raise `ChannelError`."""
        await self._listener.start()
        for host, number in self.endpoints:
            _log.info("%s: listening at %s port %d for bus %s", self.name, host, number, self._engine.name)

    async def stop(self) -> None:
        """Stop listening and let every client go."""
        await self._listener.stop()
        tasks = [connection.task for connection in self._connections if connection.task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def finish(self, seconds: float) -> None:
        """Stop listening, let each client have the answer that is on its way, and say goodbye; after so long do as `stop`."""
        await self._listener.stop()
        for connection in tuple(self._connections):
            if connection.session is not None:
                connection.session.finish()
            else:
                connection.end()
        tasks = [connection.task for connection in self._connections if connection.task]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        await self.stop()

    def review(self) -> None:
        """End at once every connection to which the door objects by now."""
        for connection in tuple(self._connections):
            objection = self._door.objection(connection.guest) if connection.guest else ""
            if connection.guest and objection and not connection.leaving:
                self._tell(connection, "objection", f"connection ended: {objection}")
                connection.guest.writer.transport.abort()
                connection.end()

    def _accepted(self, sock: socket.socket, source: str, port: int) -> None:
        now = asyncio.get_running_loop().time()
        connection = _Connection(sock, source, port, now)
        refusal = self._arriving.refusal(source)
        if refusal and not self._make_room_at_door(source, now):
            self._tell(connection, "crowded at the door", f"connection refused: {refusal}")
            sock.close()
            return
        self._arriving.enter(source)
        self._connections[connection] = None
        connection.task = asyncio.create_task(self._attend(connection))
        connection.task.add_done_callback(lambda task: self._gone(connection))

    def _gone(self, connection: _Connection) -> None:
        self._connections.pop(connection, None)
        if connection.sock is not None:
            # Cancelled before it was looked at.
            connection.sock.close()
            self._arriving.leave(connection.source)

    async def _attend(self, connection: _Connection) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            # Cancelled by `stop` or to make room; nobody waits for more than its end.
            await self._let_in(connection)

    async def _let_in(self, connection: _Connection) -> None:
        sock, connection.sock = connection.sock, None
        assert sock is not None, "it comes with its socket"
        try:
            guest = await self._door.welcome(sock)
        except UnwelcomeError as error:
            self._tell(connection, error.kind, str(error))
            if error.farewell is not None:
                await error.farewell()
            return
        except OSError:
            # It hung up before it was served.
            return
        finally:
            self._arriving.leave(connection.source)
        connection.guest = guest
        source = connection.source
        refusal = self._admission.refusal(source)
        if refusal and not self._make_room(source):
            self._tell(connection, "crowded", f"connection refused: {refusal}")
            guest.writer.transport.abort()
            return
        self._admission.enter(source)
        try:
            await self._serve(connection, guest)
        finally:
            self._admission.leave(source)
            guest.writer.transport.abort()

    async def _serve(self, connection: _Connection, guest: Guest) -> None:
        def tell(kind: str, text: str) -> None:
            self._tell(connection, kind, text)

        source = connection.source
        name = guest.name or f"{self.name} {source} port {connection.port}"
        try:
            client = self._engine.client(name, tell=tell, kind=self.name, source=source)
        except BusCrowdedError as error:
            tell("crowded", f"connection refused: {error}")
            return
        with client:
            guest.joined(client, tell)
            connection.session = Session(
                guest.reader, guest.writer, client, tell=tell, idle_close=self._settings.idle_close
            )
            await connection.session.run()

    def _make_room_at_door(self, source: str, now: float) -> bool:
        """Give up the one who stands at the door for longest."""
        own = self._arriving.is_full_for(source)
        there = [
            one
            for one in self._connections
            if one.guest is None and not one.leaving and (not own or one.source == source)
        ]
        longest = min(there, key=lambda one: one.since, default=None)
        if longest is None or now - longest.since < ARRIVAL_SECONDS:
            return False
        self._tell(
            longest, "crowded at the door", "too many at the door: the one there for longest is given up"
        )
        longest.end()
        return True

    def _make_room(self, source: str) -> bool:
        """Close the connection that has been quiet for longest, so that one that only sits there keeps nobody out."""
        now = asyncio.get_running_loop().time()
        own = self._admission.is_full_for(source)
        quiet = [
            (connection.session.quiet_seconds(now), connection)
            for connection in self._connections
            if connection.session and not connection.leaving and (not own or connection.source == source)
        ]
        seconds, longest = max(quiet, key=lambda one: one[0], default=(0.0, None))
        if longest is None or seconds < QUIET_SECONDS:
            return False
        self._tell(longest, "crowded", "too many connections: the one that is quiet for longest is closed")
        longest.end()
        return True

    def _tell(self, connection: _Connection, kind: str, text: str) -> None:
        if self._rarely.allows(str(connection), kind, asyncio.get_running_loop().time()):
            _log.warning("%s: client %s: %s", self.name, connection, text)
