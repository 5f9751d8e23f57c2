"""Ethernet: the addresses on the local network (guide 3.1.2), beside those that the system really has."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.web.filled_form import filled_form
from mbusmaster.web.forms import form_values
from mbusmaster.web.render import go_to, page
from mbusmaster.web.services import Services
from mbusmaster.web.settings_form import save_settings

PATH: Final = "/configuration/ethernet"
SETTINGS: Final = ("ethernet", "device.name")


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return _page(request, services)

    @routes.post(PATH)
    async def save(request: Request) -> Response:
        values = await form_values(request)
        problems = await save_settings(request, services, values, *SETTINGS)
        return _page(request, services, values, problems) if problems else go_to(request, PATH)

    return routes


def _page(
    request: Request,
    services: Services,
    given: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> Response:
    return page(
        request,
        "ethernet.html",
        status=422 if problems else 200,
        form=filled_form(services.settings.stored, *SETTINGS, given=given, problems=problems),
        state=services.network.state(),
        unavailable=services.network_applier.unavailable,
    )
