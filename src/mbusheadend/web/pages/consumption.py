"""Consumption of many meters: the last whole day, week, month or year, and the one that runs."""

from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.export import register_name
from mbusheadend.judging.consumption import Period, cumulates
from mbusheadend.store import Meter, Store
from mbusheadend.store.browsing import GroupKind, MeterFilter
from mbusheadend.views.consumed import Compared, consumed
from mbusheadend.views.spans import zone_of
from mbusheadend.web.door import READER
from mbusheadend.web.period_texts import period_label, period_texts, share_change
from mbusheadend.web.reading_choice import address, chosen_zone, zones
from mbusheadend.web.register_texts import register_text
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import medium_of, meter_text, number_of, number_text
from mbusweb.locale import gettext as _
from mbusweb.paging import Paged
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/consumption"
PAGE: Final = 25
_LONGEST: Final = 64
_LONGEST_NUMBER: Final = 6


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    store = services.store

    @routes.get(PATH)
    async def show(
        request: Request, text: str = "", group: str = "", period: str = "", zone: str = "", number: str = ""
    ) -> Response:
        text, group = text.strip()[:_LONGEST], group[:_LONGEST]
        length = Period(period) if period in list(Period) else Period.MONTH
        zone, now = chosen_zone(zone), services.now()
        known = number.isascii() and number.isdecimal() and len(number) <= _LONGEST_NUMBER
        place = max(1, int(number)) if known else 1
        found = await store.find_meters(MeterFilter(text=text, group=group or None), (place - 1) * PAGE, PAGE)
        since = _one_before(length, now, zone)
        front = address(PATH, {"text": text, "group": group, "period": length, "zone": zone})
        return page(
            request,
            "consumption.html",
            rows=[await _row(store, meter, length, zone, since, now) for meter in found.meters],
            running=period_label(now, length, zone),
            last=period_label(since, length, zone),
            text=text,
            group=group,
            groups=[("", _("All")), *((name, name) for name in sorted(await store.groups(GroupKind.METERS)))],
            periods=list(period_texts().items()),
            period=length,
            zones=[(one, one.replace("_", " ")) for one in zones()],
            zone=zone,
            paged=Paged((), place, max(1, -(-found.matching // PAGE))),
            pages=f"{front}&number=",
        )

    return routes


async def _row(
    store: Store, meter: Meter, length: Period, zone: str, since: datetime, now: datetime
) -> dict[str, Any]:
    registers = await store.registers(meter.id)
    register = next((one for one in registers if cumulates(one)), None)
    head: dict[str, Any] = {
        "title": meter_text(meter),
        "about": [one for one in (number_of(meter) if meter.name else "", medium_of(meter)) if one],
        "link": f"/readings/{meter.id}",
        "register": "",
    }
    if register is None:
        return head
    table = await consumed(store, meter.id, register, length, zone, since, now)
    last, running = (table.rows[-2], table.rows[-1]) if len(table.rows) > 1 else (None, table.rows[-1])
    return {
        **head,
        "register": register_text(register),
        "link": address(
            f"/readings/{meter.id}/consumption",
            {"r": register_name(register), "period": length, "zone": zone},
        ),
        "last": _amount(last, register.unit),
        "before": number_text(last.before.amount, register.unit) if last and last.before else "–",
        "change": "" if last is None else share_change(last),
        "running": _amount(running, register.unit),
    }


def _amount(row: Compared | None, unit: str) -> str:
    if row is None:
        return "–"
    return number_text(row.used.amount if row.so_far is None else row.so_far, unit)


def _one_before(period: Period, now: datetime, zone: str) -> datetime:
    """Give a moment in the period before the one that runs."""
    local = now.astimezone(zone_of(zone))
    days = {
        Period.DAY: 1,
        Period.WEEK: 7,
        Period.MONTH: local.day,
        Period.YEAR: local.timetuple().tm_yday,
    }[period]
    return now - timedelta(days=days)
