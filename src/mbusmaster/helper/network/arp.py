"""ARP questions at an Ethernet interface: who has an address (RFC 826; probes as RFC 5227 says)."""

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final, Protocol

ETHERNET_TYPE: Final = 0x0806
BROADCAST: Final = b"\xff" * 6
NOBODY: Final = IPv4Address(0)

_ETHERNET: Final = struct.Struct("!6s6sH")
_ARP: Final = struct.Struct("!HHBBH6s4s6s4s")
_FIXED: Final = (1, 0x0800, 6, 4)
"""Hardware Ethernet, protocol IPv4, and the lengths of their addresses."""
REQUEST: Final = 1
REPLY: Final = 2
_MOST: Final = 2048
_ANY_MINIMUM: Final = 60


@dataclass(frozen=True, slots=True)
class ArpFrame:
    """What an ARP packet says.

    :ivar operation: 1 asks, 2 answers.
    :ivar mac: hardware address of the sender, 6 bytes.
    :ivar sender: the address it says it has; 0.0.0.0 in a probe (RFC 5227 1.1).
    """

    operation: int
    mac: bytes
    sender: IPv4Address
    target: IPv4Address
    target_mac: bytes = b"\0" * 6

    def to_bytes(self) -> bytes:
        """Give the Ethernet frame; questions go to everybody."""
        to = BROADCAST if self.operation == REQUEST else self.target_mac
        body = _ARP.pack(
            *_FIXED, self.operation, self.mac, self.sender.packed, self.target_mac, self.target.packed
        )
        return (_ETHERNET.pack(to, self.mac, ETHERNET_TYPE) + body).ljust(_ANY_MINIMUM, b"\0")

    @classmethod
    def from_bytes(cls, frame: bytes) -> "ArpFrame | None":
        """Read an Ethernet frame; None if it is no ARP for IPv4."""
        if len(frame) < _ETHERNET.size + _ARP.size or _ETHERNET.unpack_from(frame)[2] != ETHERNET_TYPE:
            return None
        *fixed, operation, mac, sender, target_mac, target = _ARP.unpack_from(frame, _ETHERNET.size)
        if tuple(fixed) != _FIXED or operation not in (REQUEST, REPLY):
            return None
        return cls(operation, mac, IPv4Address(sender), IPv4Address(target), target_mac)

    def claims(self, address: IPv4Address, own: bytes) -> bool:
        """Tell whether another device has this address, or probes for it too (RFC 5227 2.1.1)."""
        if self.mac == own:
            return False
        return self.sender == address or (
            self.operation == REQUEST and self.sender == NOBODY and self.target == address
        )


@dataclass(frozen=True, slots=True)
class Pace:
    """How probes are spread, in seconds (RFC 5227 1.1).

    :ivar wait: longest random time before the first.
    :ivar count: how many.
    :ivar least: shortest time between two.
    :ivar most: longest.
    :ivar listen: time to listen after the last.
    """

    wait: float = 1.0
    count: int = 3
    least: float = 1.0
    most: float = 2.0
    listen: float = 2.0


class Wire(Protocol):
    """Asks the network at an interface."""

    async def holder(self, interface: str, address: IPv4Address) -> str:
        """Give the hardware address of another device that has an address, empty if nobody says so; raise `OSError`."""

    async def answers(self, interface: str, own: IPv4Address, other: IPv4Address) -> bool:
        """Tell whether a neighbour answers; raise `OSError`."""


class ArpWire:
    """Asks with packets of its own; needs CAP_NET_RAW."""

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()

    async def holder(self, interface: str, address: IPv4Address) -> str:
        """Probe (RFC 5227 2.1.1)."""
        pace = self._pace
        # Nothing secret: it spreads devices that were switched on at once.
        waits = [random.uniform(pace.least, pace.most) for _ in range(pace.count - 1)]  # noqa: S311
        first = random.uniform(0, pace.wait)  # noqa: S311
        with _packets(interface) as sock:
            own = _mac(sock)
            probe = ArpFrame(REQUEST, own, NOBODY, address).to_bytes()

            def claims(frame: ArpFrame) -> bool:
                return frame.claims(address, own)

            claim = await heard(sock, first, claims)
            for wait in (*waits, pace.listen):
                if claim is not None:
                    break
                sock.send(probe)
                claim = await heard(sock, wait, claims)
        return claim.mac.hex(":") if claim else ""

    async def answers(self, interface: str, own: IPv4Address, other: IPv4Address) -> bool:
        """Ask as the kernel would, until an answer comes."""
        with _packets(interface) as sock:
            question = ArpFrame(REQUEST, _mac(sock), own, other).to_bytes()
            for _ in range(self._pace.count):
                sock.send(question)
                if await heard(sock, self._pace.least, lambda frame: frame.sender == other) is not None:
                    return True
        return False


async def heard(sock: socket.socket, seconds: float, wanted: Callable[[ArpFrame], bool]) -> ArpFrame | None:
    """Wait for a frame of a kind; None if the time passes without."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                frame = ArpFrame.from_bytes(await asyncio.get_running_loop().sock_recv(sock, _MOST))
                if frame is not None and wanted(frame):
                    return frame
                # What is there already is had without waiting: a flood of frames must not keep the time from passing.
                await asyncio.sleep(0)
    except TimeoutError:
        return None


def _packets(interface: str) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    try:
        sock.setblocking(False)
        sock.bind((interface, ETHERNET_TYPE))
    except OSError:
        sock.close()
        raise
    return sock


def _mac(sock: socket.socket) -> bytes:
    mac: bytes = sock.getsockname()[4]
    return mac
