"""Scans: looking for meters, one at a time on each bus."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from fastapi import APIRouter, HTTPException, Request
from pydantic import Field
from starlette.responses import Response

from mbus.addressing import LAST_PRIMARY, SecondaryAddress
from mbus.errors import AddressError
from mbusmaster.meterlist import JobState, MeterRefusedError, Mode, Phase, ScanJob
from mbusmaster.web.api.meters import chosen_bus
from mbusmaster.web.scan_records import ScanRecords
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import STREAM, Answer, Given, RowNumber, Switch, Text, Whole, event, stream
from mbusweb.api.problems import declared
from mbusweb.door import SETUP_OR_USER
from mbusweb.events import Event

DOOR: Final = SETUP_OR_USER
PrimaryAddress = Annotated[Whole, Field(ge=0, le=LAST_PRIMARY)]


class ScanGiven(Given):
    """What to look for.

    `first` and `last` are the primary addresses of a scan by them, `mask` the secondary address, with wildcards F, of the other.
    A `thorough` scan believes silence only after it has heard it again. Without `bus` it is the first.
    """

    bus: Text | None = None
    baud: Annotated[Whole, Field(ge=300, le=38400)] = 2400
    mode: Literal["primary", "secondary"] = "secondary"
    first: PrimaryAddress = 0
    last: PrimaryAddress = LAST_PRIMARY
    mask: Annotated[str, Field(max_length=40)] | None = None
    thorough: Switch = False


class Scan(Answer):
    """A scan or a check, and how far it is.

    `found_meters` are rows of the meter list; `left` is requests, and `seconds_left` null while that is not known.
    """

    number: int
    bus: str
    mode: Mode
    baud: int
    who: str
    state: JobState
    phase: Phase
    started: datetime
    ended: datetime | None
    why: str
    found: int
    new: int
    updated: int
    unclear: int
    unanswered: int
    done: int
    left: int
    seconds_left: float | None
    at: str
    warnings: tuple[str, ...]
    found_meters: tuple[int, ...]

    @classmethod
    def of_job(cls, job: ScanJob) -> Self:
        """Take a job as it is now."""
        task, now = job.task, job.progress
        whole = {
            name: getattr(now, name)
            for name in cls.model_fields
            if name not in ("number", "bus", "mode", "baud", "who", "found_meters")
        }
        return cls(
            number=job.number,
            bus=task.bus,
            mode=task.mode,
            baud=task.baud,
            who=task.who,
            found_meters=tuple(job.found),
            **whole,
        )


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["meters"])
    scanner = services.scanner
    records = ScanRecords(services)

    @routes.get("/scans")
    async def list_scans() -> list[Scan]:
        """List the scan or check that runs on each bus, else the last one."""
        found = (scanner.job(bus) for bus in scanner.buses)
        return [Scan.of_job(job) for job in found if job is not None]

    @routes.post("/scans", status_code=202, responses=declared(409, 503))
    async def start_scan(given: ScanGiven, calling: Calling) -> Scan:
        """Begin to look for meters; what is found is in the meter list at once."""
        job = scanner.start(
            chosen_bus(services, given.bus),
            baud=given.baud,
            mode=Mode(given.mode),
            first=given.first,
            last=given.last,
            mask=_mask(given.mask),
            thorough=given.thorough,
            who=calling.user or calling.source,
        )
        records.began(job, calling)
        return Scan.of_job(job)

    @routes.get("/scans/{number}", responses=declared(404))
    async def get_scan(number: RowNumber) -> Scan:
        """Tell how far a scan or check is; of those that are over, only the last one of each bus is known."""
        return Scan.of_job(_job(services, number))

    @routes.delete("/scans/{number}", status_code=202, responses=declared(404))
    async def cancel_scan(number: RowNumber) -> Scan:
        """End a scan or check; what was found stays in the list. It is over as soon as the bus is let go."""
        job = _job(services, number)
        job.cancel()
        return Scan.of_job(job)

    @routes.get("/scans/{number}/events", response_class=Response, responses={**STREAM, **declared(404, 503)})
    async def watch_scan(request: Request, number: RowNumber, calling: Calling) -> Response:
        """Give a scan or check whenever it has changed, until it is over: events `scan`."""
        return stream(request, calling, _changes(_job(services, number)))

    return routes


def _job(services: Services, number: int) -> ScanJob:
    for bus in services.scanner.buses:
        job = services.scanner.job(bus)
        if job is not None and job.number == number:
            return job
    raise HTTPException(404)


def _mask(text: str | None) -> SecondaryAddress | None:
    if text is None:
        return None
    try:
        return SecondaryAddress.from_text(text)
    except AddressError as error:
        raise MeterRefusedError("mask", str(error)) from None


async def _changes(job: ScanJob) -> AsyncGenerator[Event]:
    async for _progress in job.watch():
        yield event("scan", Scan.of_job(job))
