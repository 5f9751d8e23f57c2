"""Ports for programs that must have the same ones again after they ended."""

import contextlib
import random
import socket

_OURS = range(15_000, 32_000)
"""None of those that the system gives to whoever connects: one of these would be taken before long."""


def free_ports(count: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> tuple[int, ...]:
    """Give ports of loopback that nobody uses."""
    found: set[int] = set()
    while len(found) < count:
        port = random.choice(_OURS)
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind) as one:
            one.bind(("127.0.0.1", port))
            found.add(port)
    return tuple(found)
