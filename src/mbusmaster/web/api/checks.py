"""Checks: asking meters of the list why they do not answer."""

from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import Field

from mbusmaster.meterlist.meter import MAX_METERS
from mbusmaster.web.api.meters import chosen_bus
from mbusmaster.web.api.scans import Scan
from mbusmaster.web.meter_view import needs_check
from mbusmaster.web.scan_records import ScanRecords
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Given, Text, Whole
from mbusweb.api.problems import declared
from mbusweb.door import SETUP_OR_USER

DOOR: Final = SETUP_OR_USER


class CheckGiven(Given):
    """Which meters of a bus to ask, by their rows; without `meters` all that did not answer, without `bus` the first."""

    bus: Text | None = None
    meters: Annotated[list[Whole], Field(max_length=MAX_METERS)] | None = None


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["meters"])
    records = ScanRecords(services)

    @routes.post("/checks", status_code=202, responses=declared(409, 503))
    async def start_check(given: CheckGiven, calling: Calling) -> Scan:
        """Ask meters why they do not answer; watch it as a scan."""
        bus = chosen_bus(services, given.bus)
        wanted = given.meters
        if wanted is None:
            wanted = [row.id for row in services.meters.meters(bus) if needs_check(row)]
        job = services.scanner.check(bus, wanted, who=calling.user or calling.source)
        records.began(job, calling)
        return Scan.of_job(job)

    return routes
