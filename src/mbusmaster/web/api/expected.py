"""The meters that should be there, and the report of expected against found."""

from datetime import datetime
from typing import Final, Self

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.meterlist import ExpectedMeter, Item, Kind, Status, commissioning
from mbusmaster.web.actions.meters import download_name, record_change, record_import
from mbusmaster.web.api.meters import (
    CSV,
    ORIGIN,
    BusName,
    Imported,
    IntoBus,
    MeterRow,
    Partial,
    Removed,
    imported,
    read_meters,
)
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer, ShownOrNot, body_of, download, file_of
from mbusweb.api.problems import declared
from mbusweb.door import SETUP_OR_USER

DOOR: Final = SETUP_OR_USER


class ExpectedRow(Answer):
    """One expected meter; null is what its list does not say."""

    id: int
    bus: str
    secondary_address: ShownOrNot
    primary_address: int | None
    medium: str | None
    baud_rate: int | None
    fabrication_number: str | None
    note: str

    @classmethod
    def of_meter(cls, meter: ExpectedMeter) -> Self:
        """Take a row of the list."""
        return cls(
            id=meter.id,
            bus=meter.bus,
            secondary_address=meter.secondary,  # type: ignore[arg-type] # made a text
            primary_address=meter.primary,
            medium=meter.medium,
            baud_rate=meter.baud,
            fabrication_number=meter.fabrication,
            note=meter.note,
        )


class DifferenceRow(Answer):
    """A column in which a meter is not as expected."""

    column: str
    expected: str
    found: str


class ReportRow(Answer):
    """What became of one meter."""

    kind: Kind
    expected: ExpectedRow | None
    meter: MeterRow | None
    status: Status
    remark: str
    differences: tuple[DifferenceRow, ...]

    @classmethod
    def of_item(cls, item: Item) -> Self:
        """Take a line of the report."""
        return cls(
            kind=item.kind,
            expected=None if item.expected is None else ExpectedRow.of_meter(item.expected),
            meter=None if item.meter is None else MeterRow.of_meter(item.meter),
            status=item.status,
            remark=item.remark,
            differences=tuple(map(DifferenceRow.of, item.differences)),
        )


class Report(Answer):
    """Expected against found; `percent` of the expected meters answer, null where none is expected.

    `is_clock_doubtful`: the times may be wrong by any amount, that of the report or of some finding.
    """

    made_at: datetime
    last_checked: datetime | None
    is_clock_doubtful: bool
    is_complete: bool
    percent: int | None
    found: int
    differing: int
    missing: int
    unexpected: int
    items: tuple[ReportRow, ...]


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["meters"])
    expected = services.meters.expected

    @routes.get("/expected-meters")
    async def list_expected_meters(bus: BusName = None) -> list[ExpectedRow]:
        """List the expected meters in the order of their file."""
        return [ExpectedRow.of_meter(meter) for meter in expected.meters(bus)]

    @routes.put(
        "/expected-meters",
        response_model=Imported,
        responses=declared(503),
        openapi_extra=body_of(CSV, "A file of meters"),
    )
    async def replace_expected_meters(
        request: Request, calling: Calling, bus: IntoBus = None, partial: Partial = False
    ) -> Imported | Response:
        """Expect the meters of a CSV file, and no others. One with bad lines is not taken unless `partial` says so."""
        report = expected.take(await read_meters(services, request, bus), partial=partial)
        record_import(services, calling, "expected meters", ORIGIN, report)
        return imported(report)

    @routes.delete("/expected-meters", responses=declared(503))
    async def clear_expected_meters(calling: Calling) -> Removed:
        """Expect nothing any more."""
        count = expected.clear()
        record_change(services, calling, f"expected meters cleared: {count} meters")
        return Removed(removed=count)

    @routes.get("/expected-meters.csv", response_class=Response, responses=file_of(CSV, "The list"))
    async def download_expected_meters(calling: Calling) -> Response:
        """Download the expected meters as CSV."""
        return download(expected.to_csv(), CSV, download_name(services, calling, "expected-meters"))

    @routes.get("/commissioning")
    async def get_commissioning(bus: BusName = None) -> Report:
        """Compare the expected meters with those that were found."""
        made = commissioning(services.meters, services.now(), bus, doubtful=services.time.belief.is_doubtful)
        return Report(
            made_at=made.made_at,
            last_checked=made.last_checked,
            is_clock_doubtful=made.is_clock_doubtful,
            is_complete=made.is_complete,
            percent=made.percent,
            found=made.count(Kind.FOUND),
            differing=made.count(Kind.DIFFERING),
            missing=made.count(Kind.MISSING),
            unexpected=made.count(Kind.UNEXPECTED),
            items=tuple(map(ReportRow.of_item, made.items)),
        )

    return routes
