"""Masters on the local network, found by mDNS (RFC 6762, 6763); needs the package zeroconf.

A master is one service of `SERVICE_TYPE`. Its TXT record says who it is (`name`, `serial`, `version`), and for each role that is
open the port: `tls`, `tcp`, `rfc2217`, which are also the schemes of the URL that reads it (`mbusio.transport.url`).
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncZeroconf

SERVICE_TYPE: Final = "_mbus-master._tcp.local."
ROLES: Final = ("tls", "tcp", "rfc2217")
MAX_MASTERS: Final = 256
"""More on one network are a mistake or an attack."""
ANSWER_MILLISECONDS: Final = 3000


@dataclass(frozen=True, slots=True)
class DiscoveredMaster:
    """What one master says of itself; its words are checked to be harmless to show, not to be true.

    :ivar addresses: IPv4 first.
    :ivar ports: of its open channels, by role.
    """

    name: str
    serial: str
    version: str
    addresses: tuple[str, ...]
    ports: dict[str, int]

    @property
    def urls(self) -> dict[str, str]:
        """How a program reads it, by role, the safest first."""
        address = self.addresses[0]
        host = f"[{address}]" if ":" in address else address
        return {role: f"{role}://{host}:{self.ports[role]}" for role in ROLES if role in self.ports}


async def discover(
    seconds: float, *, interfaces: Sequence[str] | None = None, enough: int = MAX_MASTERS
) -> list[DiscoveredMaster]:
    """Ask who is there, and wait so long for answers; raise `ImportError` without zeroconf, `OSError` without a network.

    :param interfaces: addresses of this machine to ask at; None is all of them.
    :param enough: do not wait any longer once so many have answered.
    """
    from zeroconf import InterfaceChoice, ServiceStateChange
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

    found: dict[str, DiscoveredMaster] = {}
    asking: dict[str, asyncio.Task[None]] = {}
    done = asyncio.Event()

    async def ask(name: str) -> None:
        master = await _ask(network, name)
        if master is not None:
            found[name] = master
            if len(found) >= enough:
                done.set()

    def changed(zeroconf: Any, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Removed:
            found.pop(name, None)
        elif name in asking or len(asking) < MAX_MASTERS:
            asking[name] = asyncio.create_task(ask(name))

    network = AsyncZeroconf(interfaces=list(interfaces) if interfaces else InterfaceChoice.All)
    try:
        browser = AsyncServiceBrowser(network.zeroconf, SERVICE_TYPE, handlers=[changed])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await done.wait()
        await browser.async_cancel()
    finally:
        for task in asking.values():
            task.cancel()
        await network.async_close()
    return sorted(found.values(), key=lambda master: (master.name, master.serial, master.addresses))


async def _ask(network: "AsyncZeroconf", name: str) -> DiscoveredMaster | None:
    info = await network.async_get_service_info(SERVICE_TYPE, name, timeout=ANSWER_MILLISECONDS)
    if info is None:
        return None
    words = {key: value or "" for key, value in info.decoded_properties.items()}
    ports = {role: int(words[role]) for role in ROLES if _is_port(words.get(role, ""))}
    addresses = tuple(sorted(info.parsed_scoped_addresses(), key=_preference))
    if not addresses or not ports:
        return None
    given, serial, version = (_harmless(words.get(key, "")) for key in ("name", "serial", "version"))
    return DiscoveredMaster(given, serial, version, addresses, ports)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) < 65536


def _preference(address: str) -> tuple[bool, int, str]:
    parsed = ip_address(address)
    return parsed.is_link_local, parsed.version, address


def _harmless(text: str) -> str:
    return "".join(character if character.isprintable() else "·" for character in text)
