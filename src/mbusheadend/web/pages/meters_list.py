"""The list of all meters: searched, filtered, sorted, page by page; as a file, too."""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbus.tables.media import medium_name
from mbusheadend.audit_kinds import AuditKind
from mbusheadend.meterfile import write_meters
from mbusheadend.store import Meter
from mbusheadend.store.browsing import GroupKind, MeterFilter, MeterSort
from mbusheadend.web.door import READER
from mbusheadend.web.fleet_deeds import record
from mbusheadend.web.fleet_lists import (
    METERS,
    ListAddress,
    count_text,
    headings,
    last_page,
    meter_filter,
    meters_address,
    pages,
)
from mbusheadend.web.fleet_texts import meter_sign
from mbusheadend.web.pages.masters import csv_answer
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import age_text, manufacturer_of, medium_of, number_of
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.media_texts import medium_text
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = METERS
DOWNLOAD: Final = f"{PATH}/list.csv"
_SORTABLE: Final = frozenset(map(str, MeterSort))
_MOST_AT_ONCE: Final = 1000


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        view = meters_address(request.query_params)
        return page(request, "meters_list.html", **await _list(services, view))

    @routes.get(DOWNLOAD)
    async def download(request: Request, who: Asking) -> Response:
        view = meters_address(request.query_params)
        meters = await chosen_meters(services, meter_filter(view, services.now()))
        name = f"meters-{services.label}-{services.now():%Y%m%dT%H%M%SZ}.csv"
        record(services, who, AuditKind.DOWNLOAD, name)
        return csv_answer(write_meters(meters), name)

    return routes


async def chosen_meters(services: Services, chosen: MeterFilter) -> list[Meter]:
    """Give all meters that a filter lets through."""
    found: list[Meter] = []
    while True:
        page_of = await services.store.find_meters(chosen, len(found), _MOST_AT_ONCE)
        found += page_of.meters
        if not page_of.meters or len(found) >= page_of.matching:
            return found


async def _list(services: Services, view: ListAddress) -> dict[str, Any]:
    now = services.now()
    chosen = meter_filter(view, now)
    found = await services.store.find_meters(chosen, view.offset)
    if found.matching and not found.meters:
        view = last_page(view, found.matching)
        found = await services.store.find_meters(chosen, view.offset)
    alarms = await services.store.alarms_of([meter.id for meter in found.meters])
    names = await _master_names(services, found.meters)
    columns = (
        ("identity", _("Meter")),
        ("name", _("Name")),
        ("medium", _("Medium")),
        ("master", _("Master")),
        ("read", _("Last reading")),
        ("status", _("Status")),
        ("alarms", _("Alarms")),
        ("groups", _("Groups")),
    )
    return {
        "view": view,
        "rows": [
            {
                "meter": meter,
                "number": number_of(meter),
                "medium": medium_of(meter),
                "manufacturer": manufacturer_of(meter),
                "read": "" if meter.last_reading is None else age_text(now - meter.last_reading),
                "is_old": meter.last_reading is None or (now - meter.last_reading).days >= 1,
                "sign": meter_sign(meter.status),
                "alarms": alarms.get(meter.id, 0),
                "master_name": names.get(meter.place.master, "") if meter.place else "",
            }
            for meter in found.meters
        ],
        "columns": headings(view, columns, _SORTABLE, "identity"),
        "count": count_text(len(found.meters), found.matching, found.total),
        "total": found.total,
        "pages": pages(view, found.matching),
        "is_filtered": view.is_filtered("text", "master", "group", "medium", "status", "show"),
        **await _choices(services, view),
    }


async def _choices(services: Services, view: ListAddress) -> dict[str, list[tuple[str, str]]]:
    there = await services.store.meter_choices()
    groups = await services.store.groups(GroupKind.METERS)
    every = ("", _("All"))
    names = sorted({*groups, *([view.get("group")] if view.get("group") else [])})
    media = sorted(
        ((str(code), medium_text(medium_name(code))) for code in there.media), key=lambda pair: pair[1]
    )
    return {
        "groups": [every, *((name, f"{name} ({groups.get(name, 0)})") for name in names)],
        "media": [every, *media],
        "statuses": [every, *((status, meter_sign(status).text) for status in there.statuses)],
        "shows": [
            every,
            ("unread", _("Not read for a day")),
            ("alarms", _("With alarms")),
            ("keys", _("With a key")),
        ],
        "sorts": [
            ("", _("Meter")),
            ("name", _("Name")),
            ("master", _("Master")),
            ("status", _("Status")),
            ("read", _("Last reading")),
        ],
    }


async def _master_names(services: Services, meters: tuple[Meter, ...]) -> dict[str, str]:
    serials = {meter.place.master for meter in meters if meter.place is not None}
    return {serial: (await services.store.master(serial)).name for serial in sorted(serials)}
