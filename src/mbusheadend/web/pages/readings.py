"""A meter: who it is, and registers of it over time."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mbusheadend.export import register_name
from mbusheadend.views.registers import named, shown_first
from mbusheadend.web.door import READER
from mbusheadend.web.reading_choice import (
    address,
    chosen_span,
    machine_zone,
    meter_or_404,
    series_key,
    span_links,
    usual_time,
)
from mbusheadend.web.reading_head import head_of
from mbusheadend.web.register_texts import register_title
from mbusheadend.web.services import Services
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/readings/{number}"
DATA: Final = "/plots/data"
MOST: Final = 6
"""Registers in the plot of a meter."""


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(
        request: Request,
        number: int,
        r: Annotated[tuple[str, ...], Query(max_length=MOST * 4)] = (),
        time: str = "",
        since: str = "",
        until: str = "",
    ) -> Response:
        meter = await meter_or_404(services.store, number)
        registers = await services.store.registers(number)
        shown = named(registers, r)[:MOST] or shown_first(registers, 1)
        if not (time or since or until):
            time = await usual_time(services.store, [number], services.now())
        span = chosen_span(time, since, until, services.now(), machine_zone())
        names = [("r", register_name(register)) for register in shown]
        here = f"/readings/{number}"
        series = [("s", series_key(number, register)) for register in shown]
        return page(
            request,
            "reading.html",
            head=await head_of(request, services, meter, services.now()),
            registers=[(register_name(one), register_title(one), one in shown) for one in registers],
            shown=shown,
            chosen=names,
            span=span,
            spans=span_links(here, names, span.span),
            since=since,
            until=until,
            data=address(DATA, [*series, *span.query.items()]),
            compare=address("/plot", [*series, *span.query.items()]),
            table=address(f"{here}/table", [*names, *span.query.items()]),
        )

    return routes
