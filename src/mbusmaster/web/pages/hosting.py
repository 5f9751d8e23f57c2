"""Hosting: reading by a head-end, activated or not (guide 3.1.3)."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.web.filled_form import filled_form
from mbusmaster.web.forms import form_values
from mbusmaster.web.render import go_to, page
from mbusmaster.web.services import Services
from mbusmaster.web.settings_form import save_settings
from mbusweb.locale import said

PATH: Final = "/configuration/hosting"
SECTION: Final = "hosting"


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return _page(request, services)

    @routes.post(PATH)
    async def save(request: Request) -> Response:
        problems = await save_settings(request, services, await form_values(request), SECTION)
        return _page(request, services, problems) if problems else go_to(request, PATH)

    return routes


def _page(request: Request, services: Services, problems: dict[str, str] | None = None) -> Response:
    state = services.hosted.state
    return page(
        request,
        "hosting.html",
        status=422 if problems else 200,
        form=filled_form(services.settings.stored, SECTION, problems=problems),
        state=state,
        reason=said(state.reason),
    )
