"""The sockets of the web pages. Which interface a visitor is at is decided here and nowhere else: by the socket that answers."""

import errno
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from mbusmaster.settings.schema import WebSettings
from mbusmaster.web.errors import WebError
from mbusweb.visitor import Interface

IP_FREEBIND: Final = 15
"""Lets a socket have an address that the setup interface gets only when the cable is in (ip(7))."""
LOOPBACK: Final = ("127.0.0.1", "::1")
_HINTS: Final = {
    errno.EADDRINUSE: "another program has it: end that program, or choose another port",
    errno.EACCES: "give the service CAP_NET_BIND_SERVICE, or choose a port from 1024 on",
    errno.EPERM: "give the service CAP_NET_RAW, so that it may bind to a network device",
    errno.EADDRNOTAVAIL: "this machine has no such address: change it in the settings",
}


@dataclass(frozen=True, slots=True)
class OpenDoor:
    """One listening socket.

    :ivar is_secure: TLS is spoken there.
    """

    interface: Interface
    listener: socket.socket
    is_secure: bool

    @property
    def url(self) -> str:
        """Where browsers find the pages."""
        host, port = self.listener.getsockname()[:2]
        name = f"[{host}]" if ":" in host else host
        scheme, usual = ("https", 443) if self.is_secure else ("http", 80)
        return f"{scheme}://{name}/" if port == usual else f"{scheme}://{name}:{port}/"


def open_doors(settings: WebSettings) -> tuple[OpenDoor, ...]:
    """Bind all sockets that the settings ask for; raise `WebError`, and leave none open, if one cannot be had."""
    doors: list[OpenDoor] = []
    try:
        doors += _setup_doors(settings)
        if settings.lan:
            doors += _lan_doors(settings.lan_bind, settings.lan_port)
    except BaseException:
        for door in doors:
            door.listener.close()
        raise
    return tuple(doors)


def _setup_doors(settings: WebSettings) -> list[OpenDoor]:
    if _has_device(settings.setup_interface):
        address = str(settings.setup_address)
        listener = _bind(address, settings.port, "web.port", device=settings.setup_interface)
        return [OpenDoor("setup", listener, is_secure=False)]
    first = _bind(LOOPBACK[0], settings.port, "web.port")
    doors = [OpenDoor("setup", first, is_secure=False)]
    try:
        second = _bind(LOOPBACK[1], first.getsockname()[1], "web.port")
    except WebError:
        # A machine without IPv6, or somebody there already: the first address is enough.
        return doors
    return [*doors, OpenDoor("setup", second, is_secure=False)]


def _lan_doors(addresses: Iterable[IPv4Address | IPv6Address], port: int) -> list[OpenDoor]:
    doors: list[OpenDoor] = []
    for address in addresses:
        # Port 0 means one free port, the same at all addresses.
        wanted = doors[0].listener.getsockname()[1] if doors and not port else port
        try:
            listener = _bind(str(address), wanted, "web.lan_port")
        except WebError as error:
            cause = error.__cause__
            if address.version == 6 and isinstance(cause, OSError) and cause.errno == errno.EAFNOSUPPORT:
                continue
            for door in doors:
                door.listener.close()
            raise
        doors.append(OpenDoor("lan", listener, is_secure=True))
    return doors


def _has_device(name: str) -> bool:
    try:
        socket.if_nametoindex(name)
    except OSError:
        return False
    return True


def _bind(address: str, port: int, setting: str, *, device: str = "") -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener: socket.socket | None = None
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if device:
            listener.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
        listener.bind((address, port))
        listener.setblocking(False)
    except OSError as error:
        if listener is not None:
            listener.close()
        where = f"{address} port {port}" + (f" on {device}" if device else "")
        hint = _HINTS.get(error.errno or 0, "see the settings of the web pages")
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise WebError(f"the web pages cannot be served at {where} ({setting}): {reason}; {hint}") from error
    return listener
