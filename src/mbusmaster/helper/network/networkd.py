"""systemd-networkd by its files (systemd.network(5)) and its D-Bus interface (org.freedesktop.network1(5)).

The trial is a file under ``/run``, which the next boot does not have; kept, the same file lies under ``/etc``. The first file by
name that fits an interface counts, so these come early by name, and the one of the trial before the kept one. After keeping, the
file of the trial stays until the next boot: reloading would take the address away for an instant, and says nothing new.
"""

import json
import logging
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Any, Final

from mbusio.files import EVERYBODY_READS, remove_for_good, write_atomically
from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.network import phrases
from mbusmaster.helper.network.backend import Change, InForce, Standing
from mbusmaster.helper.network.nameservers import NameServers
from mbusmaster.helper.network.plan import Wanted
from mbusmaster.helper.network.systembus import BusError, SystemBus, system_bus, until

NAME: Final = "systemd-networkd"
STATIC_SECONDS: Final = 10.0
ROUTE_SECONDS: Final = 2.0

_SERVICE: Final = "org.freedesktop.network1"
_ROOT: Final = "/org/freedesktop/network1"
_MANAGER: Final = "org.freedesktop.network1.Manager"
_LINK: Final = "org.freedesktop.network1.Link"
_UNMANAGED: Final = "unmanaged"
_CONFIGURED: Final = "configured"
_FAILED: Final = "failed"
_IPV4: Final = 2
_HEAD: Final = "# Written by the M-Bus master; changed on its page Ethernet.\n"

_log = logging.getLogger(__name__)


class Networkd:
    """Sets addresses through systemd-networkd.

    :param root: where the machine's folders are.
    """

    name = NAME

    def __init__(self, root: Path = Path("/")) -> None:
        self._volatile = root / "run/systemd/network"
        self._lasting = root / "etc/systemd/network"
        self._servers = NameServers(root)

    async def standing(self, interface: str) -> Standing:
        """Tell whether it runs and manages an interface."""
        try:
            async with system_bus(_SERVICE) as bus:
                if not await bus.is_there():
                    return Standing.ABSENT
                _, path = await bus.call(_ROOT, _MANAGER, "GetLinkByName", "s", interface)
                state = await bus.get(path, _LINK, "AdministrativeState")
        except BusError as error:
            _log.info("systemd-networkd does not know %s: %s", interface, error)
            return Standing.UNMANAGED if error.name else Standing.ABSENT
        return Standing.UNMANAGED if state == _UNMANAGED else Standing.MANAGES

    async def before(self, interface: str, seconds: float) -> Mapping[str, str]:
        """Remember nothing: the files of before stay as they are."""
        return {}

    async def apply(self, change: Change, seconds: float) -> InForce:
        """Write the file of the trial, and wait until it is in force."""
        wanted = change.wanted
        try:
            self._volatile.mkdir(mode=0o755, parents=True, exist_ok=True)
            write_atomically(self._trial(wanted), file_of(wanted).encode(), EVERYBODY_READS)
        except OSError as error:
            raise _not_written(self._trial(wanted), error) from error
        try:
            async with system_bus(_SERVICE) as bus:
                number, path = await bus.call(_ROOT, _MANAGER, "GetLinkByName", "s", wanted.interface)
                async with bus.signals(path) as happened:
                    await _reload(bus, number)

                    async def look() -> InForce | None:
                        return self._outcome(wanted, await _described(bus, path))

                    async def look_for_gateway() -> InForce | None:
                        found = await look()
                        return found if found is not None and found.gateway is not None else None

                    found = await until(happened, seconds if wanted.dhcp else STATIC_SECONDS, look)
                    if found is not None and found.gateway is None and wanted.dhcp:
                        # The routes of a lease come an instant after its address.
                        found = await until(happened, ROUTE_SECONDS, look_for_gateway) or found
                    link = await _described(bus, path) if found is None else {}
        except BusError as error:
            raise _gone(error) from error
        if found is not None:
            return found
        raise self._why_not(wanted, link, seconds)

    async def keep(self, change: Change) -> None:
        """Write the same file where it stays, and the name servers where systemd-networkd does not bring them."""
        wanted = change.wanted
        path = self._kept(wanted)
        servers = wanted.dns
        if wanted.dhcp:
            servers = await self._leased(wanted)
        before = self._servers.keep(servers)
        try:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            write_atomically(path, file_of(wanted).encode(), EVERYBODY_READS)
        except OSError as error:
            self._servers.write(before)
            raise _not_written(path, error) from error

    async def back(self, change: Change) -> None:
        """Remove the file of the trial, and have what is left read again."""
        path = self._trial(change.wanted)
        try:
            remove_for_good(path)
        except OSError as error:
            raise _not_written(path, error) from error
        try:
            async with system_bus(_SERVICE) as bus:
                if not await bus.is_there():
                    raise RefusedError(phrases.MANAGER_GONE, {"manager": NAME, "reason": "not running"})
                number, _ = await bus.call(_ROOT, _MANAGER, "GetLinkByName", "s", change.wanted.interface)
                await _reload(bus, number)
        except BusError as error:
            raise _gone(error) from error

    def _trial(self, wanted: Wanted) -> Path:
        return self._volatile / f"00-mbusmaster-{wanted.interface}-0trial.network"

    def _kept(self, wanted: Wanted) -> Path:
        return self._lasting / f"00-mbusmaster-{wanted.interface}.network"

    def _outcome(self, wanted: Wanted, link: Mapping[str, Any]) -> InForce | None:
        """Read what systemd-networkd says of the interface; None while it is not done; raise `RefusedError`.

        It says of the whole that it is configured only when IPv6 is too, which without a router takes long.
        """
        if link.get("AdministrativeState") == _FAILED:
            raise _not_applied(wanted, _FAILED)
        if Path(str(link.get("NetworkFile", ""))).name != self._trial(wanted).name:
            return None
        source = "DHCPv4" if wanted.dhcp else "static"
        own = [
            IPv4Interface((bytes(entry["Address"]), entry["PrefixLength"]))
            for entry in link.get("Addresses", ())
            if entry["Family"] == _IPV4
            and entry.get("ConfigSource") == source
            and entry.get("ConfigState") == _CONFIGURED
        ]
        gateways = [
            IPv4Address(bytes(route["Gateway"]))
            for route in link.get("Routes", ())
            if route["Family"] == _IPV4
            and "Gateway" in route
            and route["DestinationPrefixLength"] == 0
            and route.get("ConfigState") == _CONFIGURED
        ]
        if not own or (wanted.gateway is not None and wanted.gateway not in gateways):
            return None
        dns = tuple(_servers(link))
        return InForce(own[0], gateways[0] if gateways else None, dns, self._servers.warnings(dns))

    def _why_not(self, wanted: Wanted, link: Mapping[str, Any], seconds: float) -> RefusedError:
        file = str(link.get("NetworkFile", ""))
        if file and Path(file).name != self._trial(wanted).name:
            return RefusedError(phrases.OUTRANKED, {"interface": wanted.interface, "file": file})
        if wanted.dhcp:
            return RefusedError(phrases.NO_DHCP, {"interface": wanted.interface, "seconds": int(seconds)})
        return _not_applied(wanted, "it takes too long")

    async def _leased(self, wanted: Wanted) -> tuple[IPv4Address, ...]:
        try:
            async with system_bus(_SERVICE) as bus:
                _, path = await bus.call(_ROOT, _MANAGER, "GetLinkByName", "s", wanted.interface)
                return tuple(_servers(await _described(bus, path)))
        except BusError as error:
            raise _gone(error) from error


def file_of(wanted: Wanted) -> str:
    """Give the ``.network`` file of wanted addresses; IPv6 stays as routers announce it."""
    lines = ["[Match]", f"Name={wanted.interface}", "", "[Network]"]
    if wanted.ipv4 is None:
        lines.append("DHCP=ipv4")
    else:
        lines += ["DHCP=no", f"Address={wanted.ipv4.with_prefixlen}"]
        if wanted.gateway is not None:
            lines.append(f"Gateway={wanted.gateway}")
        lines += [f"DNS={server}" for server in wanted.dns]
    return _HEAD + "\n".join(lines) + "\n"


def _servers(link: Mapping[str, Any]) -> list[IPv4Address]:
    return [IPv4Address(bytes(entry["Address"])) for entry in link.get("DNS", ()) if entry["Family"] == _IPV4]


async def _reload(bus: SystemBus, number: int) -> None:
    await bus.call(_ROOT, _MANAGER, "Reload")
    await bus.call(_ROOT, _MANAGER, "ReconfigureLink", "i", number)


async def _described(bus: SystemBus, path: str) -> Mapping[str, Any]:
    [text] = await bus.call(path, _LINK, "Describe")
    link: Mapping[str, Any] = json.loads(text)
    return link


def _not_applied(wanted: Wanted, reason: str) -> RefusedError:
    values = {"manager": NAME, "interface": wanted.interface, "reason": reason}
    return RefusedError(phrases.NOT_APPLIED, values)


def _not_written(path: Path, error: OSError) -> RefusedError:
    return RefusedError(phrases.NOT_WRITTEN, {"path": str(path), "reason": error.strerror or str(error)})


def _gone(error: BusError) -> RefusedError:
    return RefusedError(phrases.MANAGER_GONE, {"manager": NAME, "reason": str(error)})
