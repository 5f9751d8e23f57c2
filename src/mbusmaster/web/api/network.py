"""The connection to the local network as it is, and how each channel is; what they should be is in the settings."""

from fastapi import APIRouter

from mbusmaster.web.api.models import Answer, Shown, ShownOrNot
from mbusmaster.web.services import Services


class Ethernet(Answer):
    """The Ethernet interface; `unavailable` says why the settings are not applied here, if so."""

    interface: str
    mac: str
    link: bool
    addresses: tuple[Shown, ...]
    gateway: ShownOrNot
    gateway6: ShownOrNot
    dns: tuple[Shown, ...]
    unavailable: str


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
        names = (name for name in Ethernet.model_fields if name != "unavailable")
        fields = {name: getattr(state, name) for name in names}
        return Ethernet(**fields, unavailable=str(services.network_applier.unavailable))

    @routes.get("/channels")
    async def list_channels() -> list[Channel]:
        """Tell how the channels are."""
        return [Channel.of(channel) for channel in services.channels()]

    return routes
