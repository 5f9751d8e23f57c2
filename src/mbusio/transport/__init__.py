"""Byte pipes to a bus, all behind one contract."""

from mbusio.transport.base import DEFAULT_BAUD, Transport
from mbusio.transport.memory import MemoryTransport, memory_pair
from mbusio.transport.url import Endpoint, open_transport, parse_url

__all__ = [
    "DEFAULT_BAUD",
    "Endpoint",
    "MemoryTransport",
    "Transport",
    "memory_pair",
    "open_transport",
    "parse_url",
]
