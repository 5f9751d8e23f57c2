"""The status of the master, open to all as the page is."""

from datetime import datetime
from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from mbusmaster.bus.health import BusState
from mbusmaster.system.clock import TimeStatus
from mbusmaster.system.hosted import OperationalStatus
from mbusmaster.system.leds import Colour
from mbusmaster.web.pages.door import Door
from mbusmaster.web.services import Services
from mbusmaster.web.status_fields import status_facts

DOOR: Final = Door.OPEN


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class BusStatus(_Answer):
    """One bus."""

    name: str
    state: BusState
    reason: str


class LampStatus(_Answer):
    """One lamp of the front panel."""

    colour: Colour
    is_flashing: bool


class Status(_Answer):
    """The fields of the status page."""

    time: datetime
    firmware_version: str
    operational_status: OperationalStatus
    buses: tuple[BusStatus, ...]
    ip_addresses: tuple[str, ...]
    time_server_status: TimeStatus
    time_server_reason: str
    time_server: str
    serial_number: str
    web_page_version: str
    lamps: dict[str, LampStatus]


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["status"])

    @routes.get("/status")
    async def status() -> Status:
        """Give what the status page shows."""
        facts = status_facts(services)
        lamps = {name: LampStatus.model_validate(lamp) for name, lamp in services.panel.state.lamps()}
        fields = {name: getattr(facts, name) for name in Status.model_fields if name != "lamps"}
        return Status.model_validate({**fields, "lamps": lamps}, from_attributes=True)

    return routes
