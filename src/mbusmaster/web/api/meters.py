"""The meter list. What meters measure is not in it."""

import asyncio
from datetime import datetime
from typing import Annotated, Final, Self

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from mbusmaster.meterlist import ImportReport, Meter, MeterRefusedError, ReadFile, Sort, Status, read_file
from mbusmaster.meterlist import Query as ListQuery
from mbusmaster.meterlist.doubt import Stamp
from mbusmaster.meterlist.query import LONGEST_TEXT, MAX_PAGE
from mbusmaster.web.actions.meters import download_name, record_change, record_import
from mbusmaster.web.meter_import import buses_of
from mbusmaster.web.meter_texts import column_text
from mbusmaster.web.phrases import phrase
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import (
    Answer,
    Given,
    RowNumber,
    ShownOrNot,
    Text,
    body_of,
    download,
    file_of,
    whole_body,
)
from mbusweb.api.problems import declared, problem
from mbusweb.door import SETUP_OR_USER
from mbusweb.locale import gettext as _

DOOR: Final = SETUP_OR_USER
CSV: Final = "text/csv"
ORIGIN: Final = "the API"
"""Of files, for the audit log."""
BusName = Annotated[str | None, Query(max_length=64, description="Name of a bus; without it all of them.")]
IntoBus = Annotated[
    str | None, Query(max_length=64, description="Bus of lines that name none; without it the first.")
]
Partial = Annotated[bool, Query(description="Take the good lines of a file that also has bad ones.")]


class RateRow(Answer):
    """A baud rate at which a meter has answered, and whether it did when it was last asked at it."""

    baud: int
    last_seen: datetime
    answers: bool


class MeterRow(Answer):
    """One meter; null is what is not known. `remark` says in English what was seen, `note` is the user's text.

    `doubtful_times` names those moments of the row that were taken with a doubtful clock.
    """

    id: int
    bus: str
    secondary_address: ShownOrNot
    identification: str | None
    manufacturer: str | None
    version: int | None
    medium: str | None
    primary_address: int | None
    baud_rate: int | None
    rates: tuple[RateRow, ...]
    fabrication_number: str | None
    first_seen: datetime | None
    last_seen: datetime | None
    status: Status
    checked: datetime | None
    remark: str
    note: str
    doubtful_times: tuple[Stamp, ...]

    @classmethod
    def of_meter(cls, meter: Meter) -> Self:
        """Take a row of the list."""
        return cls(
            id=meter.id,
            bus=meter.bus,
            secondary_address=meter.secondary,  # type: ignore[arg-type] # made a text
            identification=meter.identification,
            manufacturer=meter.manufacturer,
            version=meter.version,
            medium=meter.medium,
            primary_address=meter.primary,
            baud_rate=meter.baud,
            rates=tuple(map(RateRow.of, meter.rates)),
            fabrication_number=meter.fabrication,
            first_seen=meter.first_seen,
            last_seen=meter.last_seen,
            status=meter.status,
            checked=meter.checked,
            remark=meter.remark,
            note=meter.note,
            doubtful_times=tuple(stamp for stamp in Stamp if stamp in meter.doubts),
        )


class MeterPage(Answer):
    """A part of the list: `matching` rows pass the filters, of `total`."""

    meters: tuple[MeterRow, ...]
    matching: int
    total: int
    offset: int


class NoteGiven(Given):
    """The user's text about a meter."""

    note: Text


class Removed(Answer):
    """How many rows were taken out."""

    removed: int


class Imported(Answer):
    """What became of a file."""

    lines: int
    added: int
    updated: int
    unchanged: int
    skipped: int
    warnings: tuple[str, ...]


class Filter(Given):
    """Which part of the list is wanted; `text` is words that all stand in some column."""

    text: str = Query("", max_length=LONGEST_TEXT)
    status: Status | None = None
    medium: str | None = Query(None, max_length=64)
    manufacturer: str | None = Query(None, max_length=64)
    bus: BusName = None
    sort: Sort = Sort.SECONDARY_ADDRESS
    descending: bool = False

    def query(self, offset: int = 0, limit: int = MAX_PAGE) -> ListQuery:
        """Give it as the list takes it."""
        return ListQuery(
            self.text,
            self.status,
            self.medium,
            self.manufacturer,
            self.bus,
            self.sort,
            self.descending,
            offset,
            limit,
        )


class PagedFilter(Filter):
    """The same, and which rows of it."""

    offset: int = Query(0, ge=0, le=MAX_PAGE)
    limit: int = Query(100, ge=1, le=MAX_PAGE)


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["meters"])
    meters = services.meters

    @routes.get("/meters")
    async def list_meters(wanted: Annotated[PagedFilter, Query()]) -> MeterPage:
        """List meters, filtered, sorted, page by page."""
        found = meters.select(wanted.query(wanted.offset, wanted.limit))
        return MeterPage(
            meters=tuple(map(MeterRow.of_meter, found.meters)),
            matching=found.matching,
            total=found.total,
            offset=found.offset,
        )

    @routes.delete("/meters", responses=declared(503))
    async def clear_meters(calling: Calling, bus: BusName = None) -> Removed:
        """Take all meters out of the list, of one bus or of all. The expected meters stay."""
        count = meters.clear(bus)
        where = f" of bus {bus}" if bus is not None else ""
        record_change(services, calling, f"meter list{where} cleared: {count} meters")
        return Removed(removed=count)

    @routes.get("/meters.csv", response_class=Response, responses=file_of(CSV, "The list"))
    async def download_meters(wanted: Annotated[Filter, Query()], calling: Calling) -> Response:
        """Download the list, or the part that is asked for, as CSV."""
        data = await asyncio.to_thread(meters.to_csv, wanted.query())
        return download(data, CSV, download_name(services, calling, "meters"))

    @routes.post(
        "/meters/import",
        response_model=Imported,
        responses=declared(503),
        openapi_extra=body_of(CSV, "A file of meters"),
    )
    async def import_meters(
        request: Request, calling: Calling, bus: IntoBus = None, partial: Partial = False
    ) -> Imported | Response:
        """Add and complete meters from CSV. A file with bad lines is not taken unless `partial` says so."""
        report = meters.take(await read_meters(services, request, bus), partial=partial)
        record_import(services, calling, "meter list", ORIGIN, report)
        return imported(report)

    _add_one(routes, services)
    return routes


def _add_one(routes: APIRouter, services: Services) -> None:
    @routes.get("/meters/{number}", responses=declared(404))
    async def get_meter(number: RowNumber) -> MeterRow:
        """Give one meter."""
        return MeterRow.of_meter(_row(services, number))

    @routes.patch("/meters/{number}", responses=declared(404, 503))
    async def patch_meter(number: RowNumber, given: NoteGiven, calling: Calling) -> MeterRow:
        """Change the note of a meter."""
        before = _row(services, number)
        after = services.meters.set_note(number, given.note)
        if after != before:
            record_change(services, calling, f"note of {before.address}: {after.note or '-'}")
        return MeterRow.of_meter(after)

    @routes.delete("/meters/{number}", status_code=204, responses=declared(404, 503))
    async def remove_meter(number: RowNumber, calling: Calling) -> None:
        """Take a meter out of the list. A scan that finds it adds it again."""
        row = _row(services, number)
        services.meters.remove([number])
        record_change(services, calling, f"removed {row.address} from bus {row.bus}")


def chosen_bus(services: Services, bus: str | None) -> str:
    """Give the bus that is meant; raise `MeterRefusedError` where there is none of that name."""
    known = buses_of(services)
    if bus is None:
        return known[0]
    if bus not in known:
        raise MeterRefusedError("bus", f"there is no bus {bus[:40]}; there are {', '.join(known)}")
    return bus


async def read_meters(services: Services, request: Request, bus: str | None) -> ReadFile:
    """Read the file of meters in a body; raise `MeterRefusedError` where there is no bus of that name.

    :param bus: of lines that name none.
    """
    data = await whole_body(request)
    into, known = chosen_bus(services, bus), buses_of(services)
    return await asyncio.to_thread(read_file, data, bus=into, buses=known)


def imported(report: ImportReport) -> Imported | Response:
    """Answer with what became of a file; one that was not taken is a problem, line by line."""
    if report.taken:
        return Imported(
            lines=report.lines,
            added=report.added,
            updated=report.updated,
            unchanged=report.unchanged,
            skipped=report.problem_count,
            warnings=tuple(map(phrase, report.warnings)),
        )
    errors: dict[str, str] = {}
    for one in report.problems:
        place = f"line {one.line}" if one.line else "file"
        text = f"{column_text(one.column)}: {phrase(one.text)}" if one.column else phrase(one.text)
        errors[place] = f"{errors[place]}; {text}" if place in errors else text
    return problem(422, _("The file was not taken: some of its lines are wrong."), errors=errors)


def _row(services: Services, number: int) -> Meter:
    row = services.meters.get(number)
    if row is None:
        raise HTTPException(404)
    return row
