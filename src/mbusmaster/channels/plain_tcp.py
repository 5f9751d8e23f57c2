"""The transparent channel without encryption: TCP, off by default (guide 3.1.4; MBUS.md 10.1)."""

import asyncio
import contextlib
import logging
import socket
from dataclasses import dataclass
from typing import Final

from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.limits import Admission, Rarely
from mbusmaster.channels.session import Session
from mbusmaster.errors import BusCrowdedError, MasterError
from mbusmaster.settings import PlainTcpSettings

NAME: Final = "plain tcp"
KEEPALIVE_IDLE: Final = 30
KEEPALIVE_INTERVAL: Final = 10
KEEPALIVE_COUNT: Final = 3
"""With idle time and interval in seconds: a peer that vanished is noticed after a minute."""
UNACKNOWLEDGED_MILLISECONDS: Final = 60_000
QUIET_SECONDS: Final = 60.0
"""A connection that is quiet for so long makes room for another one where there are too many."""

_log = logging.getLogger(__name__)


class ChannelError(MasterError):
    """The channel cannot listen; says where and why."""


@dataclass(slots=True, eq=False)
class _Connection:
    task: asyncio.Task[None]
    source: str
    session: Session | None = None
    leaving: bool = False


class PlainTcpChannel:
    """Listens, and serves each client with its own share of a bus."""

    def __init__(self, settings: PlainTcpSettings, engine: BusEngine) -> None:
        self._settings = settings
        self._engine = engine
        self._admission = Admission(settings.max_clients, settings.max_clients_per_source)
        self._rarely = Rarely()
        self._servers: list[asyncio.Server] = []
        self._connections: list[_Connection] = []

    @property
    def endpoints(self) -> tuple[tuple[str, int], ...]:
        """Addresses and ports that it listens at."""
        return tuple(
            sock.getsockname()[:2]
            for server in self._servers
            for sock in server.sockets
            if server.is_serving()
        )

    @property
    def clients(self) -> int:
        """Connections now."""
        return self._admission.count

    async def start(self) -> None:
        """Begin to listen at every address; raise `ChannelError`."""
        port = self._settings.port
        for address in self._settings.bind:
            try:
                server = await asyncio.start_server(self._accept, str(address), port)
            except OSError as error:
                if address.version == 6 and str(address) == "::" and self._servers:
                    _log.info("%s: no IPv6 here: %s", NAME, error.strerror)
                    continue
                await self.stop()
                raise ChannelError(
                    f"{NAME} cannot listen at {address} port {port}: {error.strerror}; "
                    "choose another port or address in channels.plain_tcp"
                ) from error
            self._servers.append(server)
            # Where any port will do, it is the same one at every address.
            port = server.sockets[0].getsockname()[1]
        for host, number in self.endpoints:
            _log.info("%s: listening at %s port %d for bus %s", NAME, host, number, self._engine.name)

    async def stop(self) -> None:
        """Stop listening and let every client go."""
        for server in self._servers:
            server.close()
        tasks = [connection.task for connection in self._connections]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._servers.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername") or ("unknown", 0)
        source = peer[0]
        refusal = self._admission.refusal(source)
        if refusal and not self._make_room(source):
            self._tell(source, "crowded", f"connection refused: {refusal}")
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None, "a connection is served by a task"
        connection = _Connection(task, source)
        self._connections.append(connection)
        self._admission.enter(source)
        try:
            _watch_peer(writer.get_extra_info("socket"))
            await self._serve(reader, writer, connection, peer[1])
        except asyncio.CancelledError:
            # Cancelled by `stop` or to make room; the streams' own machinery would complain about it.
            writer.transport.abort()
        finally:
            self._admission.leave(source)
            self._connections.remove(connection)

    async def _serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: "_Connection",
        port: int,
    ) -> None:
        def tell(kind: str, text: str) -> None:
            self._tell(connection.source, kind, text)

        try:
            client = self._engine.client(f"{NAME} {connection.source} port {port}", tell=tell)
        except BusCrowdedError as error:
            tell("crowded", f"connection refused: {error}")
            writer.transport.abort()
            return
        with client:
            connection.session = Session(
                reader, writer, client, tell=tell, idle_close=self._settings.idle_close
            )
            await connection.session.run()

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
        self._tell(
            longest.source, "crowded", "too many connections: the one that is quiet for longest is closed"
        )
        longest.leaving = True
        longest.task.cancel()
        return True

    def _tell(self, source: str, kind: str, text: str) -> None:
        if self._rarely.allows(source, kind, asyncio.get_running_loop().time()):
            _log.warning("%s: client %s: %s", NAME, source, text)


def _watch_peer(sock: socket.socket) -> None:
    """Send small answers at once, and notice peers that vanish without a word."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MILLISECONDS)
