"""Listening sockets of a channel: which addresses, which network devices, and connections as they come in."""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Protocol

from mbusmaster.errors import MasterError

BACKLOG: Final = 100
REST_SECONDS: Final = 1.0
"""After the system had no room for one more connection."""
KEEPALIVE_IDLE: Final = 30
KEEPALIVE_INTERVAL: Final = 10
KEEPALIVE_COUNT: Final = 3
"""With idle time and interval in seconds: a peer that vanished is noticed after a minute."""
UNACKNOWLEDGED_MILLISECONDS: Final = 60_000
SEND_BUFFER: Final = 32 * 1024
"""Bytes of answers that the kernel keeps for one client, which it doubles; left to itself it keeps megabytes, and whoever reads
nothing would be noticed that much later (`session.MAX_UNREAD`)."""
_NO_SUCH_FAMILY: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)

_log = logging.getLogger(__name__)


class ChannelError(MasterError):
    """The channel cannot listen; says where and why."""


class ListenerSettings(Protocol):
    """What the settings of every channel that listens say."""

    @property
    def port(self) -> int:
        """TCP port; 0 takes any free one, the same at every address."""

    @property
    def bind(self) -> tuple[IPv4Address | IPv6Address, ...]:
        """Local addresses."""

    @property
    def interfaces(self) -> tuple[str, ...]:
        """Network devices; none means every one that has one of the addresses."""


class Listener:
    """Listens at every address of a channel, on its network devices only where some are named.

    An address alone keeps nobody out: a host on another network that has a route to it reaches it (Linux's weak host model), so
    where interfaces are named the socket is bound to the device too.

    :param name: of the channel, for messages.
    :param section: of the settings, for messages.
    :param accepted: is given each connection: the socket, which it must close, and the peer's address and port.
    """

    def __init__(
        self,
        name: str,
        section: str,
        settings: ListenerSettings,
        accepted: Callable[[socket.socket, str, int], None],
    ) -> None:
        self._name = name
        self._section = section
        self._settings = settings
        self._accepted = accepted
        self._sockets: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def endpoints(self) -> tuple[tuple[str, int], ...]:
        """Addresses and ports, one for each network device."""
        return tuple(sock.getsockname()[:2] for sock in self._sockets)

    async def start(self) -> None:
        """Begin to listen; raise `ChannelError`."""
        port = self._settings.port
        for interface in self._settings.interfaces or (None,):
            for address in self._settings.bind:
                try:
                    sock = _listen(str(address), port, interface)
                except OSError as error:
                    if error.errno in _NO_SUCH_FAMILY and str(address) == "::" and self._sockets:
                        _log.info("%s: no IPv6 here: %s", self._name, error.strerror)
                        continue
                    await self.stop()
                    raise ChannelError(self._why(str(address), port, interface, error)) from error
                self._sockets.append(sock)
                # Where any port will do, it is the same one at every address.
                port = sock.getsockname()[1]
        self._tasks = [asyncio.create_task(self._accept(sock)) for sock in self._sockets]

    async def stop(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for sock in self._sockets:
            sock.close()
        self._tasks.clear()
        self._sockets.clear()

    def _why(self, address: str, port: int, interface: str | None, error: OSError) -> str:
        where = f"{address} port {port}" + (f" on {interface}" if interface else "")
        reason = error.strerror or str(error)
        advice = f"choose another port or address in {self._section}"
        if error.errno == errno.ENODEV:
            reason, advice = (
                "there is no such network device",
                f"see `ip link`, and correct {self._section}.interfaces",
            )
        elif error.errno == errno.EACCES:
            advice += "; ports below 1024 need the capability CAP_NET_BIND_SERVICE"
        return f"{self._name} cannot listen at {where}: {reason}; {advice}"

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        full = False
        while True:
            try:
                sock, peer = await loop.sock_accept(listening)
            except ConnectionError:
                continue
            except OSError as error:
                if not full:
                    _log.error("%s: connections have to wait: %s", self._name, error.strerror or error)
                full = True
                await asyncio.sleep(REST_SECONDS)
                continue
            full = False
            sock.setblocking(False)
            watch_peer(sock)
            self._accepted(sock, peer[0], peer[1])


def _listen(address: str, port: int, interface: str | None) -> socket.socket:
    flags = socket.AI_PASSIVE | socket.AI_NUMERICHOST
    family, kind, number, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=flags)[
        0
    ]
    sock = socket.socket(family, kind, number)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if interface is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        sock.bind(where)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def watch_peer(sock: socket.socket) -> None:
    """Send small answers at once, and notice peers that vanish without a word."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MILLISECONDS)
