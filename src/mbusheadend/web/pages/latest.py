"""The newest reading of each meter."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.store.browsing import GroupKind, MeterFilter
from mbusheadend.views.latest import Latest, latest_of
from mbusheadend.web.door import READER
from mbusheadend.web.reading_choice import address
from mbusheadend.web.register_texts import register_text
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import (
    age_text,
    measured_text,
    medium_of,
    meter_text,
    number_of,
    status_texts,
)
from mbusweb.locale import gettext as _
from mbusweb.paging import Paged
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/readings"
PAGE: Final = 50
_LONGEST: Final = 64
_LONGEST_NUMBER: Final = 6


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(
        request: Request, text: str = "", master: str = "", group: str = "", number: str = ""
    ) -> Response:
        store, now = services.store, services.now()
        text, master, group = (one.strip()[:_LONGEST] for one in (text, master, group))
        chosen = MeterFilter(text=text, master=master or None, group=group or None)
        known = number.isascii() and number.isdecimal() and 0 < len(number) <= _LONGEST_NUMBER
        place = max(1, int(number)) if known else 1
        found = await store.find_meters(chosen, (place - 1) * PAGE, PAGE)
        rows = await latest_of(store, found.meters, now)
        query = [("text", text), ("master", master), ("group", group)]
        front = address(PATH, query)
        return page(
            request,
            "latest.html",
            rows=[_row(one) for one in rows],
            paged=Paged(rows, place, max(1, -(-found.matching // PAGE))),
            pages=f"{front}{'&' if '?' in front else '?'}number=",
            matching=found.matching,
            total=found.total,
            text=text,
            master=master,
            group=group,
            masters=[
                ("", _("All")),
                *((one.serial, one.name or one.serial) for one in await store.masters()),
            ],
            groups=[("", _("All")), *((name, name) for name in sorted(await store.groups(GroupKind.METERS)))],
        )

    return routes


def _row(latest: Latest) -> dict[str, object]:
    meter = latest.meter
    return {
        "link": f"/readings/{meter.id}",
        "title": meter_text(meter),
        "number": number_of(meter) if meter.name else "",
        "medium": medium_of(meter),
        "master": "" if meter.place is None else meter.place.master,
        "taken": None if latest.reading is None else latest.reading.taken,
        "age": age_text(latest.age),
        "values": [(register_text(one.register), measured_text(one)) for one in latest.values],
        "status": status_texts(latest.status),
    }
