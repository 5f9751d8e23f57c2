"""Tells the service manager how a service is: ready, stopping, still alive (the protocol of sd_notify(3) and WatchdogSec=)."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Final

VARIABLE: Final = "NOTIFY_SOCKET"
READY: Final = b"READY=1"
STOPPING: Final = b"STOPPING=1"
ALIVE: Final = b"WATCHDOG=1"
LONGEST_STATUS: Final = 200


def notify_ready(status: str = "") -> None:
    """Say that all is ready to whoever started this process and wants to know; else do nothing.

    :param status: one line for a person.
    """
    _notify(READY)
    if status:
        notify_status(status)


def notify_stopping(status: str = "") -> None:
    """Say that the end has begun."""
    _notify(STOPPING)
    if status:
        notify_status(status)


def notify_status(status: str) -> None:
    """Say in one line what it does now; `systemctl status` shows it."""
    line = " ".join(status.split())[:LONGEST_STATUS]
    _notify(b"STATUS=" + line.encode("utf-8", "replace"))


def watchdog_seconds(environment: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """Give after how many seconds without a word the service manager starts this very process anew; None where it never does."""
    if environment.get("WATCHDOG_PID", "") not in ("", str(os.getpid() if pid is None else pid)):
        return None
    text = environment.get("WATCHDOG_USEC", "")
    seconds = int(text) / 1e6 if text.isascii() and text.isdecimal() else 0.0
    return seconds or None


async def stay_alive() -> None:
    """Say from the event loop, twice in the time of the watchdog, that it turns, until cancelled; returns where nobody asks."""
    seconds = watchdog_seconds()
    if seconds is None:
        return
    while True:
        _notify(ALIVE)
        await asyncio.sleep(seconds / 2)


def _notify(message: bytes) -> None:
    address = os.environ.get(VARIABLE, "")
    if not address.startswith(("/", "@")):
        return
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    # Nobody listens any more, or not fast enough, as after a restart: then nobody waits either.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kind) as sock:
        sock.connect("\0" + address[1:] if address[0] == "@" else address)
        sock.send(message)
