"""Meters: who they are, where they are and were."""

from datetime import datetime
from typing import Annotated, Final, Self

from fastapi import APIRouter, Query
from starlette.responses import Response

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.fleet.overview import UNREAD
from mbusheadend.meterfile import write_meters
from mbusheadend.store import Meter, Place, Stay
from mbusheadend.store.browsing import MeterFilter, MeterSort
from mbusheadend.web.api.fleet import Limit, Offset, Word
from mbusheadend.web.door import READER
from mbusheadend.web.fleet_deeds import record
from mbusheadend.web.pages.meters_list import chosen_meters
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import address_of, manufacturer_of
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer, RowNumber, download, file_of
from mbusweb.api.problems import declared

DOOR: Final = READER
Medium = Annotated[int | None, Query(ge=0, le=255, description="Code in the secondary address.")]


class MeterPlace(Answer):
    """Where a meter is read: by 16 hex digits, or by a primary address in decimal."""

    master: str
    bus: str
    address: str


class MeterRow(Answer):
    """A meter; `identity` is its secondary address, or MASTER/BUS/ADDRESS where it has none.

    `number` names it in other calls. `status` and `rates` are by the master's list. Keys are never told.
    """

    number: int
    identity: str
    manufacturer: str
    medium: int | None
    place: MeterPlace | None
    primary_address: int | None
    name: str
    note: str
    groups: list[str]
    has_key: bool
    status: str
    rates: list[int]
    first_seen: datetime
    last_seen: datetime | None
    last_reading: datetime | None

    @classmethod
    def of_stored(cls, meter: Meter) -> Self:
        """Write one."""
        address = address_of(meter)
        return cls(
            number=meter.id,
            identity=meter.identity,
            manufacturer=manufacturer_of(meter),
            medium=None if address is None else address.medium,
            place=None if meter.place is None else _place(meter.place),
            primary_address=meter.primary,
            name=meter.name,
            note=meter.note,
            groups=sorted(meter.groups),
            has_key=meter.has_key,
            status=meter.status,
            rates=list(meter.rates),
            first_seen=meter.first_seen,
            last_seen=meter.last_seen,
            last_reading=meter.last_reading,
        )


class Meters(Answer):
    """Some meters; `matching` counts all that the filter lets through."""

    meters: list[MeterRow]
    matching: int
    total: int


class MeterStay(Answer):
    """A time that a meter was at one place; `until` is null while it is there."""

    place: MeterPlace
    since: datetime
    until: datetime | None

    @classmethod
    def of_stored(cls, stay: Stay) -> Self:
        """Write one."""
        return cls(place=_place(stay.place), since=stay.since, until=stay.until)


class MeterDetail(Answer):
    """A meter and where it was, the newest place first."""

    meter: MeterRow
    stays: list[MeterStay]


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["meters"])
    store = services.store

    @routes.get("/meters", responses=declared(503))
    async def get_meters(
        text: Word = "",
        master: Word | None = None,
        group: Word | None = None,
        medium: Medium = None,
        status: Word | None = None,
        unread: Annotated[bool, Query(description="Only meters without a sound reading for a day.")] = False,
        has_alarm: bool | None = None,
        has_key: bool | None = None,
        sort: MeterSort = MeterSort.IDENTITY,
        descending: bool = False,
        offset: Offset = 0,
        limit: Limit = 100,
    ) -> Meters:
        """List meters."""
        since = services.now() - UNREAD if unread else None
        chosen = MeterFilter(text, master, group, medium, status, since, has_alarm, has_key, sort, descending)
        found = await store.find_meters(chosen, offset, limit)
        rows = [MeterRow.of_stored(meter) for meter in found.meters]
        return Meters(meters=rows, matching=found.matching, total=found.total)

    @routes.get("/meters/list.csv", responses={**file_of("text/csv", "The list."), **declared(503)})
    async def get_list(calling: Calling, master: Word | None = None, group: Word | None = None) -> Response:
        """Give meters as the file that masters write and take."""
        meters = await chosen_meters(services, MeterFilter(master=master, group=group))
        name = f"meters-{services.label}-{services.now():%Y%m%dT%H%M%SZ}.csv"
        record(services, calling, AuditKind.DOWNLOAD, name)
        return download(write_meters(meters), "text/csv", name)

    @routes.get("/meters/{number}", responses=declared(404, 503))
    async def get_meter(number: RowNumber) -> MeterDetail:
        """Give a meter."""
        meter = await store.meter(number)
        stays = [MeterStay.of_stored(stay) for stay in await store.stays(number)]
        return MeterDetail(meter=MeterRow.of_stored(meter), stays=stays)

    return routes


def _place(place: Place) -> MeterPlace:
    return MeterPlace(master=place.master, bus=place.bus, address=place.address)
