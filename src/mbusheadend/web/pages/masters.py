"""Masters: the list, and one of them with all that is known of it."""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.fleet.masters import MasterRow, is_open, list_masters, overdue_after, see_master
from mbusheadend.meterfile import write_meters
from mbusheadend.store.browsing import GroupKind, MasterSort
from mbusheadend.web.door import READER
from mbusheadend.web.fleet_deeds import record
from mbusheadend.web.fleet_lists import (
    MASTERS,
    ListAddress,
    count_text,
    headings,
    last_page,
    master_filter,
    masters_address,
    pages,
)
from mbusheadend.web.fleet_texts import (
    bus_sign,
    clock_sign,
    command_sign,
    command_text,
    counter_text,
    lamps,
    master_sign,
    offset_text,
    worst_bus,
)
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import age_text
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = MASTERS
MASTER: Final = f"{PATH}/{{serial}}"
DOWNLOAD: Final = f"{MASTER}/meters.csv"
_SORTABLE: Final = frozenset(map(str, MasterSort))


def router(services: Services) -> APIRouter:
    """Give the routes of the pages."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show_list(request: Request) -> Response:
        view = masters_address(request.query_params)
        return page(request, "masters.html", **await _list(services, view))

    @routes.get(MASTER)
    async def show(request: Request, serial: str) -> Response:
        return page(request, "master.html", **await shown_master(services, serial))

    @routes.get(DOWNLOAD)
    async def download(serial: str, who: Asking) -> Response:
        master = await services.store.master(serial)
        data = write_meters(await services.store.meters(serial))
        name = f"meters-{master.serial}-{services.now():%Y%m%dT%H%M%SZ}.csv"
        record(services, who, AuditKind.DOWNLOAD, name)
        return csv_answer(data, name)

    return routes


def csv_answer(data: bytes, name: str) -> Response:
    """Give a file."""
    return Response(
        data,
        media_type="text/csv; charset=utf-8; header=present",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def master_path(serial: str, more: str = "") -> str:
    """Give the address of a master's page."""
    return f"{PATH}/{serial}{more}"


async def _list(services: Services, view: ListAddress) -> dict[str, Any]:
    now = services.now()
    chosen = master_filter(view, now - await overdue_after(services.store))
    found = await list_masters(services.desk, chosen, view.offset)
    if found.matching and not found.rows:
        view = last_page(view, found.matching)
        found = await list_masters(services.desk, chosen, view.offset)
    groups = await services.store.groups(GroupKind.MASTERS)
    columns = (
        ("serial", _("Master")),
        ("contact", _("Contact")),
        ("day", _("Last 24 hours")),
        ("alarms", _("Alarms")),
        ("waiting", _("Readings there")),
        ("meters", _("Meters")),
        ("bus", _("Bus")),
        ("clock", _("Clock")),
        ("lamps", _("Lamps")),
        ("software", _("Software")),
        ("groups", _("Groups")),
    )
    return {
        "view": view,
        "rows": [_row(row, now) for row in found.rows],
        "columns": headings(view, columns, _SORTABLE, "serial"),
        "count": count_text(len(found.rows), found.matching, found.total),
        "total": found.total,
        "pages": pages(view, found.matching),
        "groups": _choices(groups, view.get("group")),
        "shows": [("", _("All")), ("overdue", _("Overdue")), ("alarms", _("With alarms"))],
        "sorts": [("", _("Serial number")), ("name", _("Name")), ("contact", _("Contact"))],
        "is_filtered": view.is_filtered("text", "group", "show"),
    }


def _row(row: MasterRow, now: Any) -> dict[str, Any]:
    heard = row.master.last_contact
    return {
        "row": row,
        "master": row.master,
        "contact": row.master.contact,
        "sign": master_sign(row, now),
        "heard": "" if heard is None else age_text(now - heard),
        "clock": clock_sign(row),
        "bus": worst_bus(row),
        "lamps": lamps(row),
    }


async def shown_master(services: Services, serial: str, **more: Any) -> dict[str, Any]:
    """Give what the page of a master shows.

    :param more: of a form that was refused: its values and problems.
    """
    view = await see_master(services.desk, serial)
    now, row = services.now(), view.row
    contact, offset = row.master.contact, row.master.clock_offset
    groups = await services.store.groups(GroupKind.MASTERS)
    schedules = [
        one
        for one in await services.store.schedules()
        if one.assignment.includes(serial, row.master.groups) and row.master.local is None
    ]
    return {
        **_row(row, now),
        "view": view,
        "now": now,
        "offset": "" if offset is None else offset_text(offset),
        "buses": [(bus, bus_sign(bus.state)) for bus in contact.buses] if contact else [],
        "counters": [(counter_text(name), value) for name, value in contact.counters.items()]
        if contact
        else [],
        "commands": [
            (one, command_text(one), command_sign(one, now), is_open(one, now)) for one in view.commands
        ],
        "schedules": schedules,
        "tunnels": await services.tunnels.list(serial),
        "groups": sorted({*groups, *row.master.groups}),
        "name": row.master.name,
        "chosen": row.master.groups,
        "problems": {},
        **more,
    }


def _choices(groups: Any, chosen: str) -> list[tuple[str, str]]:
    names = sorted({*groups, *([chosen] if chosen else [])})
    return [("", _("All")), *((name, f"{name} ({groups.get(name, 0)})") for name in names)]
