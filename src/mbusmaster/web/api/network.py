"""The connection to the local network as it is, new addresses for it on trial, and how each channel is."""

from fastapi import APIRouter, Request

from mbusmaster.system.network_change import TrialPhase
from mbusmaster.web.actions.network import ADDRESSES, begin_trial, keep_trial, local_address, take_trial_back
from mbusmaster.web.services import Services
from mbusmaster.web.setting_changes import tried
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer, Given, Shown, ShownOrNot, Switch, Text
from mbusweb.api.problems import declared
from mbusweb.locale import said
from mbusweb.visitor import visitor


class AddressChange(Answer):
    """The last change of addresses, or the one under way; `reason` says why it was refused or taken back."""

    phase: TrialPhase
    interface: str
    seconds_left: int
    reason: str
    warnings: tuple[str, ...]


class AddressesGiven(Given):
    """New addresses; under DHCP the rest lies idle."""

    dhcp: Switch
    address: Text | None = None
    netmask: Text | None = None
    gateway: Text | None = None
    dns1: Text | None = None
    dns2: Text | None = None


class Ethernet(Answer):
    """The Ethernet interface; `unavailable` says why addresses cannot be set here, if so.

    `clashes`: the local network has addresses of the setup network.
    """

    interface: str
    mac: str
    link: bool
    addresses: tuple[Shown, ...]
    gateway: ShownOrNot
    gateway6: ShownOrNot
    dns: tuple[Shown, ...]
    clashes: bool
    unavailable: str
    change: AddressChange


class Channel(Answer):
    """A channel that is switched on; `reason` says why it is not open."""

    name: str
    is_open: bool
    endpoints: tuple[str, ...]
    clients: int
    reason: str


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["system"])

    @routes.get("/network")
    async def get_network() -> Ethernet:
        """Tell how the connection to the local network is."""
        state = services.network.state()
        fields = {
            name: getattr(state, name)
            for name in Ethernet.model_fields
            if name not in ("unavailable", "change")
        }
        unavailable = said(services.network_applier.unavailable)
        return Ethernet(**fields, unavailable=unavailable, change=_change(services))

    @routes.post("/network/trial", status_code=202, responses=declared(409, 422, 501))
    async def try_addresses(given: AddressesGiven, calling: Calling) -> AddressChange:
        """Put addresses on trial: they are taken back after a minute unless somebody keeps them."""
        values = {f"ethernet.{name}": getattr(given, name) for name in ADDRESSES}
        begin_trial(services, calling, tried(services.settings.stored, values).ethernet)
        return _change(services)

    @routes.post("/network/trial/keep", responses=declared(409))
    async def keep_addresses(request: Request, calling: Calling) -> AddressChange:
        """Keep what is on trial, from the new address or from the setup network."""
        await keep_trial(services, calling, visitor(request).is_setup, local_address(request))
        return _change(services)

    @routes.delete("/network/trial", responses=declared(409))
    async def take_addresses_back(calling: Calling) -> AddressChange:
        """End the trial with the old addresses."""
        await take_trial_back(services, calling)
        return _change(services)

    @routes.get("/channels")
    async def list_channels() -> list[Channel]:
        """Tell how the channels are."""
        return [Channel.of(channel) for channel in services.channels()]

    return routes


def _change(services: Services) -> AddressChange:
    change = services.network_applier.change
    return AddressChange(
        phase=change.phase,
        interface=change.interface,
        seconds_left=services.network_applier.seconds_left if change.phase is TrialPhase.TRIAL else 0,
        reason=said(change.reason),
        warnings=tuple(said(text) for text in change.warnings),
    )
