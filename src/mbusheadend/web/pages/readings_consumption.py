"""Consumption of a meter by day, week, month or year, beside that of an earlier time."""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.decoding.registers import Register
from mbusheadend.export import register_name
from mbusheadend.judging.consumption import Period, cumulates
from mbusheadend.store import Meter, Store
from mbusheadend.views.consumed import ConsumedTable, consumed
from mbusheadend.views.registers import named
from mbusheadend.web.door import READER
from mbusheadend.web.period_texts import period_label, period_texts, share_change
from mbusheadend.web.plot_data import bars_json
from mbusheadend.web.reading_choice import (
    ChosenSpan,
    address,
    chosen_span,
    chosen_zone,
    meter_or_404,
    zones,
)
from mbusheadend.web.reading_head import head_of
from mbusheadend.web.register_texts import register_title
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import number_text, numbers_texts
from mbusweb.locale import gettext as _
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/readings/{number}/consumption"
DATA: Final = f"{PATH}/data"
_USUAL_SPANS: Final = {
    Period.DAY: "month",
    Period.WEEK: "quarter",
    Period.MONTH: "year",
    Period.YEAR: "years",
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an address asks for, made sound."""

    register: Register | None
    registers: tuple[Register, ...]
    period: Period
    zone: str
    span: ChosenSpan

    @property
    def name(self) -> str:
        return "" if self.register is None else register_name(self.register)

    @property
    def query(self) -> list[tuple[str, str]]:
        return [("r", self.name), ("period", self.period), ("zone", self.zone), *self.span.query.items()]


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    store = services.store

    async def asked(number: int, r: str, period: str, zone: str, since: str, until: str) -> _Asked:
        registers = await store.registers(number)
        counting = tuple(one for one in registers if cumulates(one)) or registers
        chosen = (*named(registers, (r,)), *counting)
        length = Period(period) if period in list(Period) else Period.DAY
        place = chosen_zone(zone)
        span = chosen_span("", since, until, services.now(), place, _USUAL_SPANS[length])
        return _Asked(next(iter(chosen), None), counting, length, place, span)

    @routes.get(PATH)
    async def show(
        request: Request,
        number: int,
        r: str = "",
        period: str = "",
        zone: str = "",
        since: str = "",
        until: str = "",
    ) -> Response:
        meter = await meter_or_404(store, number)
        wanted = await asked(number, r, period, zone, since, until)
        table, problem = await _table(store, number, wanted)
        return page(
            request,
            "reading_consumption.html",
            head=await head_of(request, services, meter, services.now()),
            **_choices(wanted),
            since=since,
            until=until,
            problem=wanted.span.problem or problem,
            **_shown(table, wanted),
            data=address(DATA.format(number=number), wanted.query) if table and table.rows else "",
            export=_export(meter, wanted),
        )

    @routes.get(DATA)
    async def data(
        number: int, r: str = "", period: str = "", zone: str = "", since: str = "", until: str = ""
    ) -> Response:
        await meter_or_404(store, number)
        wanted = await asked(number, r, period, zone, since, until)
        table, _problem = await _table(store, number, wanted)
        if wanted.register is None or table is None:
            return Response('{"kind": "bars", "labels": [], "series": []}', media_type="application/json")
        labels = [period_label(row.used.since, wanted.period, wanted.zone) for row in table.rows]
        before = [
            "" if row.before is None else period_label(row.before.since, wanted.period, wanted.zone)
            for row in table.rows
        ]
        return Response(bars_json(wanted.register, table.rows, labels, before), media_type="application/json")

    return routes


async def _table(store: Store, number: int, wanted: _Asked) -> tuple[ConsumedTable | None, str]:
    """Give the table, or why there is none."""
    if wanted.register is None:
        return None, ""
    span = wanted.span.span
    try:
        return await consumed(
            store, number, wanted.register, wanted.period, wanted.zone, span.since, span.until
        ), ""
    except ValueError:
        return None, _("This time has too many periods: choose longer ones, or a shorter time.")


def _choices(wanted: _Asked) -> dict[str, Any]:
    return {
        "register": wanted.register and register_title(wanted.register),
        "registers": [(register_name(one), register_title(one)) for one in wanted.registers],
        "chosen": wanted.name,
        "periods": list(period_texts().items()),
        "period": wanted.period,
        "zones": [(one, one.replace("_", " ")) for one in zones()],
        "zone": wanted.zone,
    }


def _shown(table: ConsumedTable | None, wanted: _Asked) -> dict[str, Any]:
    if table is None or wanted.register is None:
        return {"rows": [], "total": "", "total_before": "", "total_compared": ""}
    unit, before = wanted.register.unit, table.total_before
    return {
        "rows": _rows(table, wanted, unit),
        "total": number_text(table.total, unit),
        "total_before": "" if before is None else number_text(before, unit),
        "total_compared": number_text(table.total_compared, unit),
    }


def _export(meter: Meter, wanted: _Asked) -> str:
    """Give the address of the same as a file."""
    _register, *others = wanted.query
    query = [("meter", meter.identity), ("what", "consumption"), ("register", wanted.name), *others]
    return address("/export", query)


def _rows(table: ConsumedTable, wanted: _Asked, unit: str) -> list[dict[str, object]]:
    """Put the periods into words, the newest first."""
    rows = list(reversed(table.rows))
    columns = (
        [one.used.amount if one.so_far is None else one.so_far for one in rows],
        [None if one.before is None else one.before.amount for one in rows],
        [one.used.begin for one in rows],
        [one.used.end for one in rows],
    )
    amounts, befores, begins, ends = (numbers_texts(column, unit) for column in columns)
    return [
        {
            "period": period_label(one.used.since, wanted.period, wanted.zone),
            "amount": amounts[place],
            "is_running": one.so_far is not None,
            "before": befores[place],
            "share": share_change(one),
            "begin": begins[place],
            "end": ends[place],
            "fall": one.used.has_fall,
        }
        for place, one in enumerate(rows)
    ]
