"""Overview: what an operator wants to know at first sight, live."""

import time
from collections.abc import AsyncGenerator
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.alarms.kinds import Severity
from mbusheadend.fleet.overview import overview
from mbusheadend.web.fleet_texts import ago, master_sign, outcome_sign
from mbusheadend.web.fleet_values import main_value
from mbusheadend.web.door import READER
from mbusheadend.web.services import Services
from mbusweb.events import Event, event_stream
from mbusweb.guard import Asking
from mbusweb.render import page, renderer_of
from mbusweb.visitor import Visitor

DOOR: Final = READER
PATH: Final = "/overview"
EVENTS: Final = f"{PATH}/events"
LOOK_SECONDS: Final = 5.0
"""Between two looks at everything where no reading comes."""


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request, who: Asking) -> Response:
        return page(request, "overview.html", **await _shown(services, who))

    @routes.get(EVENTS)
    async def events(request: Request, who: Asking) -> Response:
        return event_stream(request, _changes(request, services, who))

    return routes


async def _shown(services: Services, who: Visitor) -> dict[str, Any]:
    seen = await overview(services.desk, services.presence.count())
    now = services.now()
    return {
        "visitor": who,
        "seen": seen,
        "alarms": sum(seen.alarms.values()),
        "errors": seen.alarms.get(Severity.ERROR, 0),
        "warnings": seen.alarms.get(Severity.WARNING, 0),
        "silent": [(row, master_sign(row, now), _since(row.master.last_contact, now)) for row in seen.silent],
        "arrivals": [
            (one, outcome_sign(one.reading.outcome), main_value(one.reading)) for one in seen.arrivals
        ],
        "url": services.desk.url,
    }


def _since(moment: Any, now: Any) -> str:
    return "" if moment is None else age_text(now - moment)


async def _changes(request: Request, services: Services, who: Visitor) -> AsyncGenerator[Event]:
    """Give the parts that have changed: at once when a reading has come, else every few seconds."""
    render = renderer_of(request).fragment
    before, newest, looked = "", -1, float("-inf")
    async for _tick in request.app.state.streams.seconds():
        arrivals = await services.store.newest_arrivals(1)
        number = arrivals[0].number if arrivals else 0
        if number == newest and time.monotonic() - looked < LOOK_SECONDS:
            continue
        newest, looked = number, time.monotonic()
        now = render("parts/overview_live.html", **await _shown(services, who))
        if now != before:
            before = now
            yield Event("live", now)
