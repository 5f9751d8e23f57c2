"""Overview: what an operator wants to know at first sight, live."""

import time
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.alarms.kinds import Severity
from mbusheadend.decoding.values import Measured
from mbusheadend.fleet.overview import overview
from mbusheadend.store import Master, StoredReading
from mbusheadend.views.registers import shown_first
from mbusheadend.web.door import READER
from mbusheadend.web.fleet_texts import master_sign, outcome_sign
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import age_text, measured_text
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
        "errors": seen.alarms.get(Severity.ERROR, 0),
        "warnings": seen.alarms.get(Severity.WARNING, 0),
        "alarms": sum(seen.alarms.values()),
        "silent": [(row, master_sign(row, now), _heard(row.master, now)) for row in seen.silent],
        "arrivals": [
            (one, outcome_sign(one.reading.outcome), measured_text(_first(one.reading)))
            for one in seen.arrivals
        ],
        "url": services.desk.url,
    }


def _heard(master: Master, now: datetime) -> str:
    return "" if master.last_contact is None else age_text(now - master.last_contact)


def _first(reading: StoredReading) -> Measured | None:
    """Give the value that says most of a reading."""
    known = {one.register: one for telegram in reversed(reading.decoded) for one in reversed(telegram.values)}
    shown = shown_first(list(known), 1) if known else ()
    return known[shown[0]] if shown else None


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
