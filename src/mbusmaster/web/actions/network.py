"""New addresses for Ethernet: put on trial, kept, taken back."""

from ipaddress import ip_address
from typing import Final

from starlette.requests import HTTPConnection

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.settings import Settings
from mbusmaster.settings.schema import EthernetSettings
from mbusmaster.system.network_change import TrialError, TrialPhase
from mbusmaster.web.actions.settings import change_settings
from mbusmaster.web.services import Services
from mbusweb.actor import Actor
from mbusweb.texts import mark

ADDRESSES: Final = ("dhcp", "address", "netmask", "gateway", "dns1", "dns2")
ELSEWHERE: Final = mark(
    "Keep them from the new address or from the setup network: only that shows that the master is still reached."
)


def local_address(request: HTTPConnection) -> str:
    """Give the address of the master's end of the connection."""
    server: tuple[str, int] | None = request.scope.get("server")
    return server[0] if server else ""


def is_new(services: Services, wanted: Settings) -> bool:
    """Tell whether settings ask for other addresses than were kept last, or than the system has."""
    ethernet = wanted.ethernet
    if any(getattr(ethernet, name) != getattr(services.settings.stored.ethernet, name) for name in ADDRESSES):
        return True
    if ethernet.dhcp:
        return False
    return ethernet.address not in [one.ip for one in services.network.state().addresses]


def begin_trial(services: Services, who: Actor, wanted: EthernetSettings) -> None:
    """Begin to put addresses on trial; raise `TrialError` or `NotAvailableError`."""
    services.network_applier.begin(wanted, services.network.interface())
    _write_down(services, who, f"trial of {shown(wanted)}")


def may_keep(services: Services, is_setup: bool, local_address: str) -> bool:
    """Tell whether a visitor's connection shows that the master is still reached.

    It does over the addresses on trial. The setup network says nothing of them: keeping them from there is on purpose.

    :param local_address: of the master's end of the connection.
    """
    change = services.network_applier.change
    if change.phase is not TrialPhase.TRIAL or change.wanted is None:
        return False
    if is_setup:
        return True
    if not change.wanted.dhcp:
        return local_address == str(change.wanted.address)
    return ip_address(local_address) in [one.ip for one in services.network.state().addresses]


async def keep_trial(services: Services, who: Actor, is_setup: bool, local_address: str) -> None:
    """Keep what is on trial and store it; raise `TrialError`, `HelperError` or `SettingsError`."""
    applier = services.network_applier
    if applier.change.phase is TrialPhase.TRIAL and not may_keep(services, is_setup, local_address):
        raise TrialError(ELSEWHERE)
    kept = await applier.keep()
    _write_down(services, who, f"kept {shown(kept)}")
    values = kept.model_dump(mode="json", include=set(ADDRESSES))
    await change_settings(services, who, {f"ethernet.{name}": value for name, value in values.items()})


async def take_trial_back(services: Services, who: Actor) -> None:
    """End the trial with the old addresses; raise `TrialError` or `HelperError`."""
    await services.network_applier.take_back()
    _write_down(services, who, "taken back")


def shown(ethernet: EthernetSettings) -> str:
    """Give addresses for the audit log."""
    if ethernet.dhcp:
        return "DHCP"
    values = ((name, getattr(ethernet, name)) for name in ADDRESSES[1:])
    return ", ".join(f"{name} {value}" for name, value in values if value is not None)


def _write_down(services: Services, who: Actor, detail: str) -> None:
    services.audit.record(AuditKind.NETWORK, who=who.user, source=who.source, detail=detail)
