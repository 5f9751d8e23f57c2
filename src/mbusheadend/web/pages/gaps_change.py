"""Filling of gaps, now."""

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.jobs import JobError
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.gap_deeds import fill_now
from mbusheadend.web.pages.gaps import PATH
from mbusheadend.web.services import Services
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import said
from mbusweb.render import flash, go_to

DOOR: Final = OPERATOR
FILL: Final = f"{PATH}/fill"


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.post(FILL)
    async def fill(request: Request, who: Asking) -> Response:
        serial = (await form_values(request)).get("master", "")[:64]
        try:
            job = await fill_now(services, who, serial)
        except JobError as error:
            flash(request, "error", f"{said(error.text)}.")
            return go_to(request, f"{PATH}?{urlencode({'master': serial})}" if serial else PATH)
        return go_to(request, f"/jobs/{job.id}")

    return routes
