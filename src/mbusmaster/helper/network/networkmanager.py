"""NetworkManager over D-Bus.

The trial is a profile of its own in memory, so that the profiles of others stay as they are and the next boot knows nothing of
it; a checkpoint of NetworkManager takes it back also where this process is no more. Kept, the same profile goes to disk and is
preferred to others of the interface: nothing has to be set anew, and whoever deletes it has what was before.

Source: NetworkManager D-Bus API, 1.42 (Settings.AddConnection2, Connection.Update2, CheckpointCreate).
"""

import logging
import sys
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Interface
from typing import Any, Final

from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.network import phrases
from mbusmaster.helper.network.backend import Change, InForce, Standing
from mbusmaster.helper.network.plan import Wanted
from mbusmaster.helper.network.systembus import BusError, SystemBus, system_bus, until

NAME: Final = "NetworkManager"
PROFILE: Final = "mbusmaster"
PRIORITY: Final = 100
"""Above 0, which profiles have of which nobody said anything, and below 999, for whoever wants to be preferred to it."""
GRACE: Final = 30
"""Seconds after which NetworkManager takes a trial back by itself if this process did not."""
STATIC_SECONDS: Final = 10.0

_SERVICE: Final = "org.freedesktop.NetworkManager"
_ROOT: Final = "/org/freedesktop/NetworkManager"
_SETTINGS: Final = "/org/freedesktop/NetworkManager/Settings"
_DEVICE: Final = "org.freedesktop.NetworkManager.Device"
_ACTIVE: Final = "org.freedesktop.NetworkManager.Connection.Active"
_PROFILES: Final = "org.freedesktop.NetworkManager.Settings"
_CONNECTION: Final = "org.freedesktop.NetworkManager.Settings.Connection"
_IP4: Final = "org.freedesktop.NetworkManager.IP4Config"

_NOTHING: Final = "/"
_DEVICE_UNMANAGED: Final = 10
_ACTIVATED: Final = 2
_TO_DISK: Final = 0x1
_IN_MEMORY: Final = 0x2
_BLOCK_AUTOCONNECT: Final = 0x20
_FOREVER: Final = 0x7FFFFFFF
_WIRED: Final = "802-3-ethernet"
_MARK: Final = "mbusmaster.made"
_UNKNOWN_PROFILE: Final = "org.freedesktop.NetworkManager.Settings.InvalidConnection"

_log = logging.getLogger(__name__)


class NetworkManager:
    """Sets addresses through NetworkManager."""

    name = NAME

    async def standing(self, interface: str) -> Standing:
        """Tell whether it runs and manages an interface."""
        try:
            async with system_bus(_SERVICE) as bus:
                if not await bus.is_there():
                    return Standing.ABSENT
                device = await _device(bus, interface)
                state = await bus.get(device, _DEVICE, "State")
        except BusError as error:
            _log.info("NetworkManager does not know %s: %s", interface, error)
            return Standing.UNMANAGED if error.name else Standing.ABSENT
        return Standing.MANAGES if state > _DEVICE_UNMANAGED else Standing.UNMANAGED

    async def before(self, interface: str, seconds: float) -> Mapping[str, str]:
        """Remember the active profile, and make a checkpoint."""
        try:
            async with system_bus(_SERVICE) as bus:
                device = await _device(bus, interface)
                active = await bus.get(device, _DEVICE, "ActiveConnection")
                profile = "" if active == _NOTHING else str(await bus.get(active, _ACTIVE, "Uuid"))
                limit = int(seconds) + GRACE
                [checkpoint] = await bus.call(_ROOT, _SERVICE, "CheckpointCreate", "aouu", [device], limit, 0)
        except BusError as error:
            if error.name.endswith(".NotAllowed") or "checkpoint" in str(error):
                raise RefusedError(phrases.MANAGER_BUSY, {"manager": NAME, "interface": interface}) from error
            raise _gone(error) from error
        return {"profile": profile, "checkpoint": str(checkpoint)}

    async def apply(self, change: Change, seconds: float) -> InForce:
        """Activate a profile that is only in memory."""
        wanted = change.wanted
        try:
            async with system_bus(_SERVICE) as bus:
                device = await _device(bus, wanted.interface)
                like = await _settings_of(bus, change.before.get("profile", ""))
                settings = profile_of(wanted, change.id, like)
                [profile, _] = await bus.call(
                    _SETTINGS, _PROFILES, "AddConnection2", "a{sa{sv}}ua{sv}", settings,
                    _IN_MEMORY | _BLOCK_AUTOCONNECT, {},
                )  # fmt: skip
                await _activate(bus, profile, device, wanted, seconds if wanted.dhcp else STATIC_SECONDS)
                return await _in_force(bus, device, wanted)
        except BusError as error:
            raise _gone(error) from error

    async def keep(self, change: Change) -> None:
        """Write the profile of the trial to disk, preferred; remove the one that was kept before it."""
        try:
            async with system_bus(_SERVICE) as bus:
                path = await _profile(bus, change.id)
                if path is None:
                    raise RefusedError(phrases.NO_SUCH_TRIAL)
                [settings] = await bus.call(path, _CONNECTION, "GetSettings")
                await bus.call(path, _CONNECTION, "Update2", "a{sa{sv}}ua{sv}", _kept(settings), _TO_DISK, {})
                await _remove_older(bus, change)
                checkpoint = change.before.get("checkpoint", "")
                if checkpoint in await bus.get(_ROOT, _SERVICE, "Checkpoints"):
                    await bus.call(_ROOT, _SERVICE, "CheckpointDestroy", "o", checkpoint)
        except BusError as error:
            raise _gone(error) from error

    async def back(self, change: Change) -> None:
        """Roll back to the checkpoint, or activate the profile that was active; remove the one of the trial."""
        try:
            async with system_bus(_SERVICE) as bus:
                if not await bus.is_there():
                    raise RefusedError(phrases.MANAGER_GONE, {"manager": NAME, "reason": "not running"})
                trial = await _profile(bus, change.id)
                checkpoint = change.before.get("checkpoint", "")
                if checkpoint in await bus.get(_ROOT, _SERVICE, "Checkpoints"):
                    await bus.call(_ROOT, _SERVICE, "CheckpointRollback", "o", checkpoint)
                elif trial is not None:
                    await _reactivate(bus, change)
                if trial is not None:
                    await bus.call(trial, _CONNECTION, "Delete")
        except BusError as error:
            raise _gone(error) from error


def profile_of(
    wanted: Wanted, identity: str, like: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Give a profile as NetworkManager takes it.

    :param identity: UUID of the profile.
    :param like: the profile that was active: its IPv6 and its settings of the wire are taken over.
    """
    from dbus_fast import Variant

    ipv4 = {
        "method": Variant("s", "auto" if wanted.dhcp else "manual"),
        "may-fail": Variant("b", False),
        # A server that comes up later than the master must find it still asking: after a power cut, say.
        "dhcp-timeout": Variant("i", _FOREVER),
    }
    if wanted.ipv4 is not None:
        address = {
            "address": Variant("s", str(wanted.ipv4.ip)),
            "prefix": Variant("u", wanted.ipv4.network.prefixlen),
        }
        ipv4["address-data"] = Variant("aa{sv}", [address])
        # Numbers in network byte order, as this machine reads them.
        ipv4["dns"] = Variant("au", [int.from_bytes(server.packed, sys.byteorder) for server in wanted.dns])
        if wanted.gateway is not None:
            ipv4["gateway"] = Variant("s", str(wanted.gateway))
    settings: dict[str, dict[str, Any]] = {
        "connection": {
            "id": Variant("s", f"{PROFILE} (trial)"),
            "uuid": Variant("s", identity),
            "type": Variant("s", _WIRED),
            "interface-name": Variant("s", wanted.interface),
            "autoconnect": Variant("b", False),
            "autoconnect-priority": Variant("i", PRIORITY),
            "autoconnect-retries": Variant("i", 0),
        },
        "user": {"data": Variant("a{ss}", {_MARK: "yes"})},
        _WIRED: dict(like.get(_WIRED, {})),
        "ipv4": ipv4,
        "ipv6": dict(like.get("ipv6", {})) or {"method": Variant("s", "auto")},
    }
    settings["ipv6"]["may-fail"] = Variant("b", True)
    return settings


def _kept(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    from dbus_fast import Variant

    kept = {section: dict(values) for section, values in settings.items()}
    kept["connection"] |= {"id": Variant("s", PROFILE), "autoconnect": Variant("b", True)}
    return kept


async def _activate(bus: SystemBus, profile: str, device: str, wanted: Wanted, seconds: float) -> None:
    """Activate a profile and wait for it; raise `RefusedError` if that fails or takes too long."""
    [active] = await bus.call(_ROOT, _SERVICE, "ActivateConnection", "ooo", profile, device, _NOTHING)

    async def outcome() -> bool | None:
        try:
            state = await bus.get(active, _ACTIVE, "State")
        except BusError:
            # NetworkManager removes what failed to come up.
            return False
        return state == _ACTIVATED if state >= _ACTIVATED else None

    async with bus.signals(active) as happened:
        is_up = await until(happened, seconds, outcome)
    if is_up:
        return
    if is_up is False and not await bus.is_there():
        raise RefusedError(phrases.MANAGER_GONE, {"manager": NAME, "reason": "it ended"})
    if wanted.dhcp and is_up is None:
        raise RefusedError(phrases.NO_DHCP, {"interface": wanted.interface, "seconds": int(seconds)})
    reason = "it takes too long" if is_up is None else await _reason(bus, device)
    raise RefusedError(
        phrases.NOT_APPLIED, {"manager": NAME, "interface": wanted.interface, "reason": reason}
    )


async def _reason(bus: SystemBus, device: str) -> str:
    try:
        _, reason = await bus.get(device, _DEVICE, "StateReason")
    except BusError as error:
        return str(error)
    return f"reason {reason}"


async def _in_force(bus: SystemBus, device: str, wanted: Wanted) -> InForce:
    config = await bus.get(device, _DEVICE, "Ip4Config")
    if config == _NOTHING:
        raise RefusedError(
            phrases.NOT_APPLIED, {"manager": NAME, "interface": wanted.interface, "reason": "no address"}
        )
    addresses = [
        IPv4Interface(f"{entry['address'].value}/{entry['prefix'].value}")
        for entry in await bus.get(config, _IP4, "AddressData")
    ]
    if not addresses:
        raise RefusedError(
            phrases.NOT_APPLIED, {"manager": NAME, "interface": wanted.interface, "reason": "no address"}
        )
    gateway = await bus.get(config, _IP4, "Gateway")
    dns = [IPv4Address(entry["address"].value) for entry in await bus.get(config, _IP4, "NameserverData")]
    return InForce(addresses[0], IPv4Address(gateway) if gateway else None, tuple(dns))


async def _reactivate(bus: SystemBus, change: Change) -> None:
    """Activate what was active, unless something else is by now: NetworkManager itself took the trial back, or somebody."""
    device = await _device(bus, change.wanted.interface)
    active = await bus.get(device, _DEVICE, "ActiveConnection")
    if active != _NOTHING and await bus.get(active, _ACTIVE, "Uuid") != change.id:
        return
    path = await _profile(bus, change.before.get("profile", ""))
    if path is not None:
        await bus.call(_ROOT, _SERVICE, "ActivateConnection", "ooo", path, device, _NOTHING)


async def _remove_older(bus: SystemBus, change: Change) -> None:
    """Delete profiles of earlier trials that were kept for the same interface."""
    [paths] = await bus.call(_SETTINGS, _PROFILES, "ListConnections")
    for path in paths:
        [settings] = await bus.call(path, _CONNECTION, "GetSettings")
        connection, user = settings["connection"], settings.get("user", {})
        if (
            "data" in user
            and _MARK in user["data"].value
            and connection["uuid"].value != change.id
            and "interface-name" in connection
            and connection["interface-name"].value == change.wanted.interface
        ):
            await bus.call(path, _CONNECTION, "Delete")


async def _settings_of(bus: SystemBus, identity: str) -> Mapping[str, Mapping[str, Any]]:
    """Give the settings of a wired profile, without secrets; nothing if it is none."""
    path = await _profile(bus, identity)
    if path is None:
        return {}
    [settings] = await bus.call(path, _CONNECTION, "GetSettings")
    return settings if settings["connection"]["type"].value == _WIRED else {}


async def _profile(bus: SystemBus, identity: str) -> str | None:
    """Give the path of a profile; None if there is none with this UUID."""
    if not identity:
        return None
    try:
        return str((await bus.call(_SETTINGS, _PROFILES, "GetConnectionByUuid", "s", identity))[0])
    except BusError as error:
        if error.name == _UNKNOWN_PROFILE:
            return None
        raise


async def _device(bus: SystemBus, interface: str) -> str:
    return str((await bus.call(_ROOT, _SERVICE, "GetDeviceByIpIface", "s", interface))[0])


def _gone(error: BusError) -> RefusedError:
    return RefusedError(phrases.MANAGER_GONE, {"manager": NAME, "reason": str(error)})
