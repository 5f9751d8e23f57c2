"""The status of the master and the front panel, open to all as the page is."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.bus.health import BusState
from mbusmaster.hosting.state import OperationalStatus
from mbusmaster.system.clock import ClockQuality, TimeStatus
from mbusmaster.system.leds import Colour
from mbusmaster.web.services import Services
from mbusmaster.web.status_fields import status_facts
from mbusweb.api.callers import Calling
from mbusweb.api.models import STREAM, Answer, event, stream
from mbusweb.api.problems import declared
from mbusweb.door import OPEN
from mbusweb.events import Event

DOOR: Final = OPEN


class BusStatus(Answer):
    """One bus."""

    name: str
    state: BusState
    reason: str


class LampStatus(Answer):
    """One lamp of the front panel."""

    colour: Colour
    is_flashing: bool


class Lamps(Answer):
    """The front panel from left to right."""

    power: LampStatus
    mbus: LampStatus
    data: LampStatus
    overload: LampStatus
    ethernet: LampStatus


class MasterStatus(Answer):
    """The fields of the status page."""

    time: datetime
    firmware_version: str
    operational_status: OperationalStatus
    buses: tuple[BusStatus, ...]
    ip_addresses: tuple[str, ...]
    time_server_status: TimeStatus
    time_server_reason: str
    time_server_offset: float | None
    clock_quality: ClockQuality
    time_server: str
    serial_number: str
    web_page_version: str
    lamps: Lamps


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["status"])

    @routes.get("/status")
    async def get_status() -> MasterStatus:
        """Give what the status page shows."""
        return _status(services)

    @routes.get("/panel")
    async def get_panel() -> Lamps:
        """Give the five lamps."""
        return Lamps.of(services.panel.state)

    @routes.get("/panel/events", response_class=Response, responses={**STREAM, **declared(503)})
    async def watch_panel(request: Request, calling: Calling) -> Response:
        """Give the lamps now and whenever they change: events `panel`."""
        return stream(request, calling, _changes(services))

    return routes


def _status(services: Services) -> MasterStatus:
    facts = status_facts(services)
    fields = {name: getattr(facts, name) for name in MasterStatus.model_fields if hasattr(facts, name)}
    fields |= {"time_server_reason": str(facts.time_server_reason), "clock_quality": facts.clock.quality}
    return MasterStatus.model_validate({**fields, "lamps": services.panel.state}, from_attributes=True)


async def _changes(services: Services) -> AsyncGenerator[Event]:
    async for state in services.panel.watch():
        yield event("panel", Lamps.of(state))
