"""Completeness: of all masters, and of the meters of one, by day."""

from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from mbusheadend.store import UnknownError
from mbusheadend.store.browsing import MasterFilter, MeterFilter
from mbusheadend.views.complete import GRACE, added, days_of, masters_complete, meters_complete
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


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    store = services.store

    @routes.get(PATH)
    async def show(request: Request, days: str = "", zone: str = "", number: str = "") -> Response:
        length, zone, place = _days(days), chosen_zone(zone), _number(number)
        now = services.now() - GRACE
        found = await store.find_masters(MasterFilter(), (place - 1) * MASTERS, MASTERS)
        table = await masters_complete(
            store, found.masters, days_of(now - timedelta(days=length - 1), now, zone)
        )
        names = days_texts(table.edges, zone)
        return page(
            request,
            "completeness.html",
            title=_("Completeness"),
            back="",
            first_column=_("Master"),
            **_common(PATH, length, zone),
            days=names,
            rows=[
                {
                    **heat_row(complete, names),
                    "title": master.name or master.serial,
                    "about": master.serial if master.name else "",
                    "link": address(f"{PATH}/{master.serial}", {"days": str(length), "zone": zone}),
                }
                for master, complete in table.masters
            ],
            total=share_text(added(complete.total for _master, complete in table.masters)),
            total_count=count_text(added(complete.total for _master, complete in table.masters)),
            paged=Paged((), place, max(1, -(-found.matching // MASTERS))),
        )

    @routes.get(OF_MASTER)
    async def of_master(
        request: Request, serial: str, days: str = "", zone: str = "", number: str = ""
    ) -> Response:
        try:
            master = await store.master(serial)
        except UnknownError:
            raise HTTPException(404) from None
        length, zone, place = _days(days), chosen_zone(zone), _number(number)
        now = services.now() - GRACE
        found = await store.find_meters(MeterFilter(master=serial), (place - 1) * METERS, METERS)
        table = await meters_complete(
            store, found.meters, days_of(now - timedelta(days=length - 1), now, zone)
        )
        names = days_texts(table.edges, zone)
        path = f"{PATH}/{serial}"
        return page(
            request,
            "completeness.html",
            title=_("Completeness of %(master)s") % {"master": master.name or serial},
            back=address(PATH, {"days": str(length), "zone": zone}),
            first_column=_("Meter"),
            **_common(path, length, zone),
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
            total=share_text(added(complete.total for _meter, complete in table.meters)),
            total_count=count_text(added(complete.total for _meter, complete in table.meters)),
            paged=Paged((), place, max(1, -(-found.matching // METERS))),
        )

    return routes


def _common(path: str, length: int, zone: str) -> dict[str, Any]:
    front = address(path, {"days": str(length), "zone": zone})
    return {
        "path": path,
        "length": length,
        "lengths": [(str(one), _("%(count)s days") % {"count": one}) for one in LENGTHS],
        "zone": zone,
        "zones": [(one, one.replace("_", " ")) for one in zones()],
        "legend": legend(),
        "pages": f"{front}&number=",
    }


def _days(text: str) -> int:
    return int(text) if text in map(str, LENGTHS) else LENGTHS[1]


def _number(text: str) -> int:
    known = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER
    return max(1, int(text)) if known else 1
