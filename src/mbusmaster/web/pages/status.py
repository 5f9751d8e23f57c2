"""Status: open without a password (guide 3.1), with the front panel (guide 4); `/` and `/config` show it too."""

from collections.abc import AsyncGenerator
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.web.front_panel import front_panel
from mbusmaster.web.services import Services
from mbusmaster.web.status_fields import status_fields
from mbusweb.door import OPEN
from mbusweb.events import Event, event_stream
from mbusweb.guard import Asking
from mbusweb.render import page, renderer_of

DOOR: Final = OPEN


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get("/")
    @routes.get("/config")
    @routes.get("/status")
    async def status(request: Request, who: Asking) -> Response:
        button = services.settings.running.panel.virtual_button and services.button is not None
        return page(
            request,
            "status.html",
            fields=status_fields(services),
            lamps=front_panel(services.panel.state),
            has_button=button and who.is_setup,
        )

    @routes.get("/status/events")
    async def events(request: Request) -> Response:
        return event_stream(request, _changes(request, services))

    return routes


async def _changes(request: Request, services: Services) -> AsyncGenerator[Event]:
    """Give the parts of the page that differ from what was sent before, once a second at the most."""
    render = renderer_of(request).fragment
    sent: dict[str, str] = {}
    async for _tick in request.app.state.streams.seconds():
        parts = {
            "fields": render("parts/status_fields.html", fields=status_fields(services)),
            "panel": render("parts/front_panel.html", lamps=front_panel(services.panel.state)),
        }
        for name, html in parts.items():
            if sent.get(name) != html:
                sent[name] = html
                yield Event(name, html)
