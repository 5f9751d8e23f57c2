"""What is wanted of an interface, checked before anything changes (guide 3.1.2).

The words come over the socket from a process that an attacker may have, and go into files that root's programs read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any, Final

from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.network import phrases

SETUP_NETWORK: Final = IPv4Network("10.0.0.0/24")
"""Of the USB cable between the master and the installer's computer."""
SETUP_INTERFACE: Final = "usb0"
MOST_SECONDS: Final = 300
LEAST_SECONDS: Final = 10

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,14}", re.ASCII)
"""Of a network device, without what a pattern of a .network file could mean (IFNAMSIZ, systemd.network(5))."""
_ETHERNET: Final = "1"
_MOST_READ: Final = 4096
_LONGEST_ECHO: Final = 40


@dataclass(frozen=True, slots=True)
class Wanted:
    """Addresses for an interface.

    :ivar ipv4: own address with its network; None under DHCP.
    :ivar gateway: the way out; None where there is none.
    :ivar dns: at most two name servers.
    """

    interface: str
    ipv4: IPv4Interface | None = None
    gateway: IPv4Address | None = None
    dns: tuple[IPv4Address, ...] = ()

    @property
    def dhcp(self) -> bool:
        """A server gives all addresses."""
        return self.ipv4 is None

    def facts(self) -> dict[str, str | bool | None]:
        """Give it in the words of the socket, which `read_wanted` reads."""
        dns = [str(server) for server in self.dns]
        return {
            "interface": self.interface,
            "dhcp": self.dhcp,
            "address": str(self.ipv4.ip) if self.ipv4 else None,
            "netmask": str(self.ipv4.netmask) if self.ipv4 else None,
            "gateway": str(self.gateway) if self.gateway else None,
            "dns1": dns[0] if dns else None,
            "dns2": dns[1] if len(dns) > 1 else None,
        }


def read_interface(said: Mapping[str, Any]) -> str:
    """Read the name of a network device; empty where none is said, or what is said is no name."""
    interface = said.get("interface")
    return interface if isinstance(interface, str) and _NAME.fullmatch(interface) else ""


def read_wanted(said: Mapping[str, Any]) -> Wanted:
    """Read and check what came over the socket; under DHCP the addresses lie idle. Raise `RefusedError`."""
    interface = read_interface(said)
    if not interface:
        raise RefusedError(phrases.NOT_UNDERSTOOD, {"field": "interface"})
    dhcp = said.get("dhcp")
    if not isinstance(dhcp, bool):
        raise RefusedError(phrases.NOT_UNDERSTOOD, {"field": "dhcp"})
    if dhcp:
        return Wanted(interface)
    address, mask = _address(said, "address"), _address(said, "netmask")
    if address is None or mask is None:
        raise RefusedError(phrases.ADDRESS_MISSING)
    ipv4 = _own(address, mask)
    dns = tuple(server for name in ("dns1", "dns2") if (server := _address(said, name)) is not None)
    for server in dns:
        _must_be_a_machine(server)
    return Wanted(interface, ipv4, _gateway(_address(said, "gateway"), ipv4), dns)


def read_seconds(said: Mapping[str, Any], least: float = LEAST_SECONDS) -> float:
    """Read how long a trial takes; raise `RefusedError`."""
    seconds = said.get("seconds", 60)
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, int | float)
        or not least <= seconds <= MOST_SECONDS
    ):
        raise RefusedError(phrases.SECONDS_OUTSIDE, {"least": int(least), "most": MOST_SECONDS})
    return seconds


def clashes(address: IPv4Address | None) -> bool:
    """Tell whether an address lies in the setup network."""
    return address is not None and address in SETUP_NETWORK


def _address(said: Mapping[str, Any], name: str) -> IPv4Address | None:
    match said.get(name):
        case None | "":
            return None
        case str(text):
            try:
                return IPv4Address(text)
            except AddressValueError:
                raise RefusedError(phrases.NOT_AN_ADDRESS, {"value": text[:_LONGEST_ECHO]}) from None
    raise RefusedError(phrases.NOT_UNDERSTOOD, {"field": name})


def _own(address: IPv4Address, mask: IPv4Address) -> IPv4Interface:
    inverse = int(mask) ^ 0xFFFFFFFF
    # Ones, then zeros: only then is the inverse one less than a power of two. /31 is a link of two machines (RFC 3021).
    if inverse & (inverse + 1) or not 1 <= inverse.bit_length() <= 31:
        raise RefusedError(phrases.NOT_A_NETMASK, {"value": str(mask)})
    _must_be_a_machine(address)
    own = IPv4Interface((int(address), 32 - inverse.bit_length()))
    if own.network.overlaps(SETUP_NETWORK):
        raise RefusedError(phrases.OVERLAPS_SETUP, {"network": str(SETUP_NETWORK)})
    _must_be_inside(address, own.network)
    return own


def _gateway(gateway: IPv4Address | None, own: IPv4Interface) -> IPv4Address | None:
    if gateway is None:
        return None
    if gateway not in own.network:
        raise RefusedError(phrases.GATEWAY_OUTSIDE, {"value": str(gateway), "network": str(own.network)})
    if gateway == own.ip:
        raise RefusedError(phrases.GATEWAY_IS_OWN)
    _must_be_inside(gateway, own.network)
    return gateway


def _must_be_inside(address: IPv4Address, network: IPv4Network) -> None:
    if network.prefixlen < 31 and address in (network.network_address, network.broadcast_address):
        raise RefusedError(phrases.NETWORKS_OWN, {"value": str(address), "network": str(network)})


def _must_be_a_machine(address: IPv4Address) -> None:
    if (
        address.is_multicast
        or address.is_reserved
        or address.is_loopback
        or address.is_link_local
        or int(address) >> 24 == 0
    ):
        raise RefusedError(phrases.NOT_A_MACHINE, {"value": str(address)})


class Devices:
    """The network devices of this machine, as ``/sys`` tells.

    :param setup: name of the setup interface: never to be changed.
    :param also: names that count as Ethernet though no hardware stands behind them (containers, tests).
    """

    def __init__(
        self,
        setup: str = SETUP_INTERFACE,
        also: tuple[str, ...] = (),
        folder: Path = Path("/sys/class/net"),
    ) -> None:
        self._setup = setup
        self._also = also
        self._folder = folder

    def must_be_ethernet(self, interface: str) -> None:
        """Raise `RefusedError` unless a device is Ethernet and not the setup interface."""
        if interface == self._setup or "DEVTYPE=gadget" in self._read(interface, "uevent"):
            raise RefusedError(phrases.IS_SETUP, {"interface": interface})
        if not self._is_ethernet(interface):
            raise RefusedError(phrases.NO_INTERFACE, {"interface": interface})

    def has_link(self, interface: str) -> bool:
        """Tell whether a cable is in, with something at its other end."""
        # The kernel refuses to tell the link of a device that is down.
        return self._read(interface, "carrier").strip() == "1"

    def first(self) -> str:
        """Give the Ethernet device one means who names none: the first that has a link; empty if there is none."""
        try:
            names = sorted(entry.name for entry in self._folder.iterdir())
        except OSError:
            return ""
        names = [name for name in names if name != self._setup and self._is_ethernet(name)]
        return next((name for name in names if self.has_link(name)), names[0] if names else "")

    def _is_ethernet(self, interface: str) -> bool:
        if self._read(interface, "type").strip() != _ETHERNET:
            return False
        device = self._folder / interface
        # Bridges, bonds, VLANs, wireless and gadgets say what they are; a port of a switch chip is Ethernet.
        kind = re.search(r"^DEVTYPE=(.*)$", self._read(interface, "uevent"), re.MULTILINE)
        if (kind and kind[1] != "dsa") or (device / "wireless").exists() or (device / "tun_flags").exists():
            return False
        return interface in self._also or (device / "device").exists()

    def _read(self, interface: str, name: str) -> str:
        try:
            with (self._folder / interface / name).open("rb") as file:
                return file.read(_MOST_READ).decode("ascii", "replace")
        except OSError:
            return ""
