"""A gateway that carries the bytes of the bus over TCP as they are (MBUS.md 10.1)."""

import asyncio
import socket

from mbusio.errors import TransportOpenError
from mbusio.transport.base import DEFAULT_BAUD, UNREAD_LIMIT
from mbusio.transport.stream import StreamTransport

CONNECT_SECONDS = 10.0
GENEROUS_ALLOWANCE = 2.0
"""A gateway may finish another client's conversation first: about 1.5 s at 2400 baud (a long answer and its request)."""
NETWORK_GAP = 0.300
"""Pause that a network may make inside an answer (MBUS.md 1.5, rule 3)."""
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}
"""A peer that vanished without a word is noticed after about a minute, or 30 s with bytes on their way."""


class TcpTransport(StreamTransport):
    """A TCP connection; the rate on the bus is the gateway's business."""

    allowance = GENEROUS_ALLOWANCE
    adaptive = True
    gap = NETWORK_GAP
    switches_baud = False


def tune(writer: asyncio.StreamWriter) -> None:
    """Send small frames at once and notice a peer that vanished without a word."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def open_tcp(name: str, host: str, port: int, *, baud: int = DEFAULT_BAUD) -> TcpTransport:
    """Connect; raise `TransportOpenError` when nobody answers there within `CONNECT_SECONDS`."""
    return TcpTransport(name, *await connect_tcp(name, host, port), baud)


async def connect_tcp(name: str, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect; raise `TransportOpenError` when nobody answers there within `CONNECT_SECONDS`."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, limit=UNREAD_LIMIT // 2)
    except OSError as error:
        raise TransportOpenError(connect_failed(name, error)) from error
    tune(writer)
    return reader, writer


def connect_failed(name: str, error: OSError) -> str:
    """Say what went wrong and what to do."""
    if isinstance(error, ConnectionRefusedError):
        return f"{name}: nobody listens there; check host and port, and that the gateway's TCP access is switched on"
    if isinstance(error, socket.gaierror):
        return f"{name}: no such host; check its name"
    if isinstance(error, TimeoutError):
        return (
            f"{name}: no answer within {CONNECT_SECONDS:.0f} s; check the address, the cable and any firewall"
        )
    return f"{name}: cannot connect ({error.strerror or error}); check host and port"
