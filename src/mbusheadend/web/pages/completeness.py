"""Completeness: of all masters, and of the meters of one, by day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from mbusheadend.store import Master, UnknownError
from mbusheadend.store.browsing import MasterFilter, MeterFilter
from mbusheadend.views.complete import GRACE, Complete, added, days_of, masters_complete, meters_complete
from mbusheadend.web.door import READER
from mbusheadend.web.heat_map import count_text, days_texts, heat_row, legend, share_text
from mbusheadend.web.reading_choice import address, chosen_zone, zones
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import medium_of, meter_text
from mbusweb.locale import gettext as _
from mbusweb.paging import Paged
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/completeness"
OF_MASTER: Final = f"{PATH}/{{serial}}"
MASTERS: Final = 20
METERS: Final = 50
LENGTHS: Final = (7, 14, 31)
"""Days at once."""
_LONGEST_NUMBER: Final = 6


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an address asks for, made sound: `place` counts the pages from 1."""

    length: int
    zone: str
    place: int

    @property
    def query(self) -> dict[str, str]:
        return {"days": str(self.length), "zone": self.zone}


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request, days: str = "", zone: str = "", number: str = "") -> Response:
        asked = _Asked(_days(days), chosen_zone(zone), _number(number))
        return await _masters_page(request, services, asked)

    @routes.get(OF_MASTER)
    async def of_master(
        request: Request, serial: str, days: str = "", zone: str = "", number: str = ""
    ) -> Response:
        try:
            master = await services.store.master(serial)
        except UnknownError:
            raise HTTPException(404) from None
        asked = _Asked(_days(days), chosen_zone(zone), _number(number))
        return await _meters_page(request, services, master, asked)

    return routes


async def _masters_page(request: Request, services: Services, asked: _Asked) -> Response:
    found = await services.store.find_masters(MasterFilter(), (asked.place - 1) * MASTERS, MASTERS)
    table = await masters_complete(services.store, found.masters, _edges(services, asked))
    names = days_texts(table.edges, asked.zone)
    return page(
        request,
        "completeness.html",
        title=_("Completeness"),
        back="",
        first_column=_("Master"),
        **_choices(PATH, asked),
        days=names,
        rows=[
            {
                **heat_row(complete, names),
                "title": master.name or master.serial,
                "about": master.serial if master.name else "",
                "link": address(f"{PATH}/{master.serial}", asked.query),
            }
            for master, complete in table.masters
        ],
        **_totals(complete for _master, complete in table.masters),
        paged=Paged((), asked.place, max(1, -(-found.matching // MASTERS))),
    )


async def _meters_page(request: Request, services: Services, master: Master, asked: _Asked) -> Response:
    chosen = MeterFilter(master=master.serial)
    found = await services.store.find_meters(chosen, (asked.place - 1) * METERS, METERS)
    table = await meters_complete(services.store, found.meters, _edges(services, asked))
    names = days_texts(table.edges, asked.zone)
    return page(
        request,
        "completeness.html",
        title=_("Completeness of %(master)s") % {"master": master.name or master.serial},
        back=address(PATH, asked.query),
        first_column=_("Meter"),
        **_choices(f"{PATH}/{master.serial}", asked),
        days=names,
        rows=[
            {
                **heat_row(complete, names),
                "title": meter_text(meter),
                "about": medium_of(meter),
                "link": f"/readings/{meter.id}/completeness",
            }
            for meter, complete in table.meters
        ],
        **_totals(complete for _meter, complete in table.meters),
        paged=Paged((), asked.place, max(1, -(-found.matching // METERS))),
    )


def _edges(services: Services, asked: _Asked) -> tuple[datetime, ...]:
    until = services.now() - GRACE
    return days_of(until - timedelta(days=asked.length - 1), until, asked.zone)


def _choices(path: str, asked: _Asked) -> dict[str, Any]:
    return {
        "path": path,
        "length": asked.length,
        "lengths": [(str(one), _("%(count)s days") % {"count": one}) for one in LENGTHS],
        "zone": asked.zone,
        "zones": [(one, one.replace("_", " ")) for one in zones()],
        "legend": legend(),
        "pages": f"{address(path, asked.query)}&number=",
    }


def _totals(completes: Iterable[Complete]) -> dict[str, Any]:
    total = added(complete.total for complete in completes)
    return {"total": share_text(total), "total_count": count_text(total)}


def _days(text: str) -> int:
    return int(text) if text in map(str, LENGTHS) else LENGTHS[1]


def _number(text: str) -> int:
    known = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER
    return max(1, int(text)) if known else 1
