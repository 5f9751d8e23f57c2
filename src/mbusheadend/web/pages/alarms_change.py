"""Acknowledging of alarms, one or many, with a note."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.web.alarm_deeds import MOST_AT_ONCE, acknowledge
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.pages.alarms import PATH, number_of
from mbusheadend.web.services import Services
from mbusweb.guard import Asking, local_path
from mbusweb.locale import gettext as _
from mbusweb.locale import ngettext
from mbusweb.render import flash, go_to

DOOR: Final = OPERATOR
ACKNOWLEDGE: Final = f"{PATH}/acknowledge"


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.post(ACKNOWLEDGE)
    async def take(request: Request, who: Asking) -> Response:
        async with request.form() as form:
            name = "shown" if form.get("which") == "shown" else "alarm"
            texts = [text for text in form.getlist(name) if isinstance(text, str)][:MOST_AT_ONCE]
            note, back = str(form.get("note", "")), str(form.get("back", ""))
        ids = {number for number in map(number_of, texts) if number is not None}
        if not ids:
            flash(request, "warning", _("Choose an alarm first."))
            return go_to(request, way_back(back))
        count = await acknowledge(services, who, ids, note)
        if count:
            text = ngettext("%(num)s alarm is acknowledged.", "%(num)s alarms are acknowledged.", count)
            flash(request, "success", text % {"num": count})
        else:
            flash(request, "warning", _("Somebody had acknowledged it already."))
        return go_to(request, way_back(back))

    return routes


def way_back(back: str) -> str:
    """Give the list as it was shown; what is no address of the list leads to its beginning."""
    path = local_path(back, PATH)
    return path if path.partition("?")[0] == PATH else PATH
