"""The master makes itself known on the local network: mDNS, one service with the ports of its open channels.

Only what anybody may know is said: who it is and where it listens. Networks that come and go are followed.
"""

import asyncio
import contextlib
import importlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from mbusio.discovery import ROLES, SERVICE_TYPE

if TYPE_CHECKING:
    from zeroconf import ServiceInfo
    from zeroconf.asyncio import AsyncZeroconf

LOOK_SECONDS: Final = 30.0
"""Between two looks at the addresses of this machine."""
NAME_MILLISECONDS: Final = 1500
"""How long another master has to say that it goes by a name already."""
MOST_NAMESAKES: Final = 20
NAMELESS: Final = "M-Bus master"
MAX_LABEL: Final = 63
"""Bytes of one part of a name in the DNS (RFC 1035)."""
MAX_WORD: Final = 200
"""Bytes of one entry of a TXT record, with room for its key (RFC 6763, section 6.1)."""

Endpoints = Sequence[tuple[str, int]]

_log = logging.getLogger(__name__)


class Announcer:
    """Announces one master, from `start` to `stop`.

    :param name: the master's; may be empty.
    :param offers: where each role listens (`mbusio.discovery.ROLES`); closed channels are left out.
    :param interfaces: addresses of this machine to announce at; None is all but loopback, as they come and go.
    :ivar announced: set once the network has been told, for the first time.
    """

    def __init__(
        self,
        *,
        name: str,
        serial: str,
        version: str,
        offers: Mapping[str, Endpoints],
        interfaces: Sequence[str] | None = None,
    ) -> None:
        self._name = name
        self._serial = serial
        self._version = version
        self._offers = {role: tuple(offers[role]) for role in ROLES if offers.get(role)}
        self._interfaces = interfaces
        self._network: AsyncZeroconf | None = None
        self._service: ServiceInfo | None = None
        self._told: object = None
        self._wanted = ""
        self._label = ""
        self._problem = ""
        self._changed = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self.announced = asyncio.Event()

    def start(self) -> None:
        """Begin, in the background; a network that is not there yet is waited for."""
        if self._offers:
            self._work = asyncio.create_task(self._follow())

    def rename(self, name: str) -> None:
        """Go by another name from now on."""
        self._name = name
        self._changed.set()

    async def stop(self) -> None:
        """Say goodbye, so that nobody lists a master that is gone."""
        if self._work is None:
            return
        self._work.cancel()
        await asyncio.wait([self._work])
        self._work = None
        await self._leave()

    async def _follow(self) -> None:
        # The package takes a tenth of a second to load: not at the cost of clients.
        await asyncio.to_thread(importlib.import_module, "zeroconf.asyncio")
        from zeroconf import Error

        while True:
            self._changed.clear()
            try:
                await self._look()
                self._problem = ""
            except (OSError, RuntimeError, Error) as error:
                await self._leave()
                if str(error) != self._problem:
                    self._problem = str(error)
                    _log.warning("discovery: cannot announce this master: %s; trying again", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changed.wait()

    async def _look(self) -> None:
        here = tuple(self._interfaces) if self._interfaces is not None else _addresses()
        ports = {role: port for role, ends in self._offers.items() if (port := _reachable(ends, here))}
        situation = (here, self._name)
        if situation == self._told:
            return
        if not ports:
            await self._leave()
        else:
            await self._tell(here, ports)
        self._told = situation

    async def _tell(self, here: tuple[str, ...], ports: dict[str, int]) -> None:
        if self._network is None:
            from zeroconf import InterfaceChoice
            from zeroconf.asyncio import AsyncZeroconf

            self._network = AsyncZeroconf(
                interfaces=InterfaceChoice.All if self._interfaces is None else list(here)
            )
        else:
            if self._service is not None:
                await (await self._network.async_unregister_service(self._service))
                self._service = None
            await self._network.zeroconf.async_update_interfaces()
        service = self._describe(here, ports, await self._free_label(self._network))
        await (await self._network.async_register_service(service, allow_name_change=True))
        self._service = service
        self.announced.set()
        _log.info("discovery: announced as %r at %s", service.get_name(), ", ".join(here))

    async def _free_label(self, network: "AsyncZeroconf") -> str:
        # The package's own probing overlooks a namesake on the same machine.
        wanted = re.sub(r"[\x00-\x1f\x7f.]+", " ", f"{self._name or NAMELESS} {self._serial}").strip()
        if wanted != self._wanted:
            self._wanted = wanted
            for number in range(1, MOST_NAMESAKES + 1):
                end = f" ({number})" if number > 1 else ""
                self._label = _cut(wanted, MAX_LABEL - len(end)) + end
                name = f"{self._label}.{SERVICE_TYPE}"
                if not await network.async_get_service_info(SERVICE_TYPE, name, NAME_MILLISECONDS):
                    break
        return self._label

    def _describe(self, here: tuple[str, ...], ports: dict[str, int], label: str) -> "ServiceInfo":
        from zeroconf import ServiceInfo

        ends = [host for endpoints in self._offers.values() for host, _ in endpoints]
        at = here if any(_is_any(host) for host in ends) else tuple(host for host in here if host in ends)
        words = {"name": self._name, "serial": self._serial, "version": self._version}
        return ServiceInfo(
            SERVICE_TYPE,
            f"{label}.{SERVICE_TYPE}",
            port=next(iter(ports.values())),
            properties={key: _cut(word, MAX_WORD) for key, word in words.items()}
            | {role: str(port) for role, port in ports.items()},
            server=f"{_cut('mbus-' + re.sub(r'[^a-z0-9-]+', '-', self._serial.lower()), MAX_LABEL)}.local.",
            parsed_addresses=list(at),
        )

    async def _leave(self) -> None:
        network, self._network = self._network, None
        self._service = self._told = None
        self._wanted = ""
        if network is not None:
            with contextlib.suppress(OSError):
                await network.async_unregister_all_services()
            await network.async_close()


def _addresses() -> tuple[str, ...]:
    """Give the addresses of this machine that others on its networks reach."""
    from ifaddr import get_adapters

    found = {
        str(address.ip[0] if isinstance(address.ip, tuple) else address.ip)
        for adapter in get_adapters()
        for address in adapter.ips
    }
    usable = (one for one in map(ip_address, found) if not (one.is_loopback or one.is_link_local))
    return tuple(str(one) for one in sorted(usable, key=lambda one: (one.version, int(one))))


def _is_any(host: str) -> bool:
    return ip_address(host).is_unspecified


def _reachable(endpoints: Iterable[tuple[str, int]], here: tuple[str, ...]) -> int | None:
    return next((port for host, port in endpoints if host in here or (here and _is_any(host))), None)


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")
