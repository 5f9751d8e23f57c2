"""The reset button on the page, for demonstrations: where the settings show it, on the setup interface (guide 3.3.1)."""

from typing import Final

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import Response

from mbusmaster.system.button import VirtualButton
from mbusmaster.system.hold import HOLD_SECONDS
from mbusmaster.web.services import Services
from mbusweb.door import OPEN
from mbusweb.forms import form_values
from mbusweb.guard import require_setup
from mbusweb.locale import gettext as _
from mbusweb.render import ask, flash, go_to

DOOR: Final = OPEN
SPARE_SECONDS: Final = 1.0
"""A page without a program holds the button for so much longer than is needed."""


def router(services: Services) -> APIRouter:
    """Give the routes of the button."""
    routes = APIRouter(dependencies=[Depends(require_setup)])

    @routes.post("/panel/button")
    async def button(request: Request) -> Response:
        held = _button(services)
        match (await form_values(request)).get("state"):
            case "pressed":
                held.press()
            case "released":
                held.release()
            case "hold":
                held.press(HOLD_SECONDS + SPARE_SECONDS)
                flash(request, "warning", _("The button is held for 10 seconds."))
                return go_to(request, "/status")
            case _:
                return ask(
                    request,
                    title=_("Reset button"),
                    question=_(
                        "Hold the button for 10 seconds? All users, sessions and API tokens are deleted."
                    ),
                    yes=_("Hold the button"),
                    path_yes="/panel/button",
                    path_no="/status",
                    values={"state": "hold"},
                )
        return Response(status_code=204)

    return routes


def _button(services: Services) -> VirtualButton:
    if services.button is None or not services.settings.running.panel.virtual_button:
        raise HTTPException(404)
    return services.button
