"""*Read now*: how far an order is, live, until the readings are in."""

from collections.abc import AsyncGenerator
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.fleet.reading_now import ReadProgress, read_progress
from mbusheadend.web.door import READER
from mbusheadend.web.fleet_texts import outcome_sign, read_text
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import meter_text, number_of
from mbusweb.events import Event, event_stream
from mbusweb.guard import Asking
from mbusweb.render import page, renderer_of
from mbusweb.visitor import Visitor

DOOR: Final = READER
PATH: Final = "/reads"
READ: Final = f"{PATH}/{{id}}"
EVENTS: Final = f"{READ}/events"
MOST_SHOWN: Final = 500
"""Meters of one master that are listed."""


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(READ)
    async def show(request: Request, id: str, who: Asking) -> Response:
        progress = await read_progress(services.desk, id)
        return page(request, "read_now.html", id=id, **_shown(services, who, progress))

    @routes.get(EVENTS)
    async def events(request: Request, id: str, who: Asking) -> Response:
        await read_progress(services.desk, id)
        return event_stream(request, _changes(request, services, who, id))

    return routes


def read_path(id: str) -> str:
    """Give the address of an order."""
    return f"{PATH}/{id}"


def _shown(services: Services, who: Visitor, progress: ReadProgress) -> dict[str, Any]:
    now = services.now()
    return {
        "visitor": who,
        "progress": progress,
        "masters": [
            {
                "one": one,
                "text": read_text(one, now),
                "meters": [
                    (
                        line.meter,
                        meter_text(line.meter),
                        number_of(line.meter),
                        line.reading,
                        None if line.reading is None else outcome_sign(line.reading.outcome),
                    )
                    for line in one.meters[:MOST_SHOWN]
                ],
                "more": max(0, len(one.meters) - MOST_SHOWN),
            }
            for one in progress.masters
        ],
    }


async def _changes(request: Request, services: Services, who: Visitor, id: str) -> AsyncGenerator[Event]:
    """Give the progress whenever it has changed, until all is over."""
    render = renderer_of(request).fragment
    before = ""
    async for _tick in request.app.state.streams.seconds():
        progress = await read_progress(services.desk, id)
        now = render("parts/read_progress.html", id=id, **_shown(services, who, progress))
        if now != before:
            before = now
            yield Event("progress", now)
        if progress.is_over:
            # The browser closes the stream: else it would connect again.
            yield Event("over", "over")
            return
