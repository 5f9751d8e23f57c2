"""Tells the service manager that the master is ready (the protocol of systemd's sd_notify)."""

import os
import socket
from typing import Final

VARIABLE: Final = "NOTIFY_SOCKET"
READY: Final = b"READY=1"


def notify_ready() -> None:
    """Say that all is ready to whoever started this process and wants to know; else do nothing."""
    address = os.environ.get(VARIABLE, "")
    if not address.startswith(("/", "@")):
        return
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    with socket.socket(socket.AF_UNIX, kind) as sock:
        try:
            sock.connect("\0" + address[1:] if address[0] == "@" else address)
            sock.send(READY)
        except OSError:
            # Nobody listens any more, as after a restart: then nobody waits either.
            return
