"""The connection to the local network as it is now (guide 3.1.2); what sets it is in `network_change`.

Read from ``/sys``, ``/proc`` and `addresses`: pyroute2 would do the same for 10 MB of resident memory.
"""

import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, ip_address
from pathlib import Path
from typing import Final

from mbusmaster.addresses import Interface, addresses_of
from mbusmaster.settings.schema import SETUP_NETWORK

TRAFFIC_SECONDS: Final = 3.0
"""Bytes that were counted in a longer time do not say that there is traffic now."""

_ETHERNET: Final = "1"
_ROUTE_IS_UP: Final = 0x1
_ROUTE_REJECTS: Final = 0x200
_MOST_READ: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class EthernetState:
    """The connection as the system has it now.

    :ivar interface: name of the network device; empty where there is none that could be Ethernet.
    :ivar mac: hardware address, as the system writes it.
    :ivar link: a cable is in, and something answers at its other end.
    :ivar addresses: IPv4 first; IPv6 only global ones.
    """

    interface: str = ""
    mac: str = ""
    link: bool = False
    addresses: tuple[Interface, ...] = ()
    gateway: IPv4Address | None = None
    gateway6: IPv6Address | None = None
    dns: tuple[IPv4Address | IPv6Address, ...] = ()

    @property
    def ipv4(self) -> IPv4Interface | None:
        """The first IPv4 address with its network: what the status page shows."""
        return next((one for one in self.addresses if isinstance(one, IPv4Interface)), None)

    @property
    def clashes(self) -> bool:
        """The local network has addresses of the setup network: packets to the one may go out on the other."""
        return any(
            isinstance(one, IPv4Interface) and one.network.overlaps(SETUP_NETWORK) for one in self.addresses
        )


@dataclass(frozen=True, slots=True)
class _Route:
    device: str
    gateway: str
    metric: int


class Network:
    """Reads the connection to the local network.

    :param interface: name of the device that counts as Ethernet; None is the one with the default route, else the first
        physical one with a link.
    :param setup_interface: never counts as Ethernet.
    :param root: where the machine's folders are.
    :param addresses: gives the addresses of a device by its number.
    """

    def __init__(
        self,
        interface: str | None,
        *,
        setup_interface: str = "",
        root: Path = Path("/"),
        addresses: Callable[[int], tuple[Interface, ...]] = addresses_of,
    ) -> None:
        self._named = interface
        self._setup = setup_interface
        self._root = root
        self._devices = root / "sys/class/net"
        self._addresses = addresses
        self._counted: tuple[str, int, float] | None = None

    def state(self) -> EthernetState:
        """Read everything."""
        name = self.interface()
        if not name:
            return EthernetState(dns=self._dns())
        routes = [route for route in self._routes() if route.device == name and route.gateway]
        routes6 = [route for route in self._routes6() if route.device == name and route.gateway]
        number = self._read(name, "ifindex")
        return EthernetState(
            name,
            self._read(name, "address"),
            self.link(name),
            self._addresses(int(number)) if number.isdecimal() else (),
            IPv4Address(_first(routes).gateway) if routes else None,
            IPv6Address(_first(routes6).gateway) if routes6 else None,
            self._dns(),
        )

    def interface(self) -> str:
        """Give the name of the device that counts as Ethernet now; empty if there is none."""
        if self._named:
            return self._named if (self._devices / self._named).exists() else ""
        for routes in (self._routes(), self._routes6()):
            if routes:
                return _first(routes).device
        physical = self._physical()
        return next((name for name in physical if self.link(name)), physical[0] if physical else "")

    def link(self, interface: str) -> bool:
        """Tell whether a device has a link."""
        return self._read(interface, "carrier") == "1"

    def traffic(self, interface: str, now: float) -> bool:
        """Tell whether bytes went over a device since the last call.

        :param now: seconds of a clock that only rises.
        """
        count = sum(
            int(self._read(interface, f"statistics/{direction}_bytes") or 0) for direction in ("rx", "tx")
        )
        last, self._counted = self._counted, (interface, count, now)
        if last is None or last[0] != interface or now - last[2] > TRAFFIC_SECONDS:
            return False
        return count != last[1]

    def _read(self, interface: str, name: str) -> str:
        # The kernel refuses to tell the link of a device that is down.
        return _text(self._devices / interface / name).strip()

    def _physical(self) -> list[str]:
        try:
            names = sorted(folder.name for folder in self._devices.iterdir())
        except OSError:
            return []
        return [
            name
            for name in names
            if name != self._setup
            and (self._devices / name / "device").exists()
            and self._read(name, "type") == _ETHERNET
        ]

    def _routes(self) -> list[_Route]:
        """Give the default routes of IPv4 (``/proc/net/route``: addresses are 32-bit numbers in the machine's byte order)."""
        routes = []
        for line in _text(self._root / "proc/net/route").splitlines()[1:]:
            fields = line.split()
            if len(fields) < 8 or fields[0] == self._setup or {fields[1], fields[7]} != {"00000000"}:
                continue
            flags = int(fields[3], 16)
            if not flags & _ROUTE_IS_UP or flags & _ROUTE_REJECTS:
                continue
            gateway = socket.inet_ntoa(struct.pack("=I", int(fields[2], 16)))
            routes.append(_Route(fields[0], "" if gateway == "0.0.0.0" else gateway, int(fields[6])))  # noqa: S104
        return routes

    def _routes6(self) -> list[_Route]:
        """Give the default routes of IPv6 (``/proc/net/ipv6_route``)."""
        routes = []
        for line in _text(self._root / "proc/net/ipv6_route").splitlines():
            fields = line.split()
            if (
                len(fields) < 10
                or fields[9] in ("lo", self._setup)
                or int(fields[0], 16)
                or fields[1] != "00"
            ):
                continue
            flags = int(fields[8], 16)
            if not flags & _ROUTE_IS_UP or flags & _ROUTE_REJECTS:
                continue
            gateway = IPv6Address(bytes.fromhex(fields[4]))
            routes.append(_Route(fields[9], str(gateway) if int(gateway) else "", int(fields[5], 16)))
        return routes

    def _dns(self) -> tuple[IPv4Address | IPv6Address, ...]:
        servers = _servers(_text(self._root / "etc/resolv.conf"))
        if servers and all(server.is_loopback for server in servers):
            # A resolver on this machine: what it asks itself stands here (systemd-resolved(8)).
            return _servers(_text(self._root / "run/systemd/resolve/resolv.conf")) or servers
        return servers


def _first(routes: Iterable[_Route]) -> _Route:
    return min(routes, key=lambda route: route.metric)


def _servers(text: str) -> tuple[IPv4Address | IPv6Address, ...]:
    servers = []
    for line in text.splitlines():
        match line.split():
            case ["nameserver", address, *_]:
                try:
                    servers.append(ip_address(address))
                except ValueError:
                    continue
    return tuple(servers)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_READ).decode("ascii", "replace")
    except OSError:
        return ""
