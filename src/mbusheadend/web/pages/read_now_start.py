"""What operators order: to read meters now, or all of a master; and to take it back."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.fleet.reading_now import ReadError
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.fleet_deeds import order_master, order_meters, take_back
from mbusheadend.web.fleet_lists import MASTERS, METERS
from mbusheadend.web.pages.read_now import PATH, READ, read_path
from mbusheadend.web.problem_texts import read_problem
from mbusheadend.web.services import Services
from mbusweb.guard import Asking, local_path
from mbusweb.locale import gettext as _
from mbusweb.render import flash, go_to

DOOR: Final = OPERATOR


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.post(PATH)
    async def start(request: Request, who: Asking) -> Response:
        async with request.form() as form:
            serial = str(form.get("master", ""))
            numbers = [int(text) for text in map(str, form.getlist("meter")) if _is_number(text)]
            reset = form.get("application_reset") == "true"
            back = _way_back(str(form.get("back", "")))
        try:
            if serial:
                id = await order_master(services, who, serial, application_reset=reset)
            else:
                id = await order_meters(services, who, numbers, application_reset=reset)
        except ReadError as error:
            flash(request, "error", read_problem(error))
            return go_to(request, back)
        return go_to(request, read_path(id))

    @routes.post(f"{READ}/cancel")
    async def cancel(request: Request, id: str, who: Asking) -> Response:
        if await take_back(services, who, id):
            flash(request, "success", _("It was taken back."))
        else:
            flash(request, "warning", _("It had ended already."))
        return go_to(request, read_path(id))

    return routes


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16


def _way_back(back: str) -> str:
    path = local_path(back, METERS)
    return path if path.startswith((MASTERS, METERS, "/readings")) else METERS
