"""The reset button of the demo's panel, at the setup interface only."""

from enum import StrEnum
from typing import Final

from fastapi import APIRouter, HTTPException

from mbusmaster.system.hold import HOLD_SECONDS
from mbusmaster.web.pages.panel_button import SPARE_SECONDS
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Given
from mbusweb.api.problems import declared
from mbusweb.door import OPEN
from mbusweb.errors import NotAllowedError
from mbusweb.locale import gettext as _

DOOR: Final = OPEN


class Act(StrEnum):
    """What is done to the button."""

    PRESS = "press"
    """For two seconds; again and again for longer."""
    RELEASE = "release"
    HOLD = "hold"
    """Long enough to delete all users, sessions and tokens."""


class ButtonGiven(Given):
    """What to do to the button."""

    act: Act


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["status"])

    @routes.post("/panel/button", status_code=204, responses=declared(404))
    async def use_button(given: ButtonGiven, calling: Calling) -> None:
        """Press the reset button, where the settings show one; at the setup interface only."""
        if not calling.is_setup:
            raise NotAllowedError(_("This is possible on the setup interface (USB) only."))
        button = services.button
        if button is None or not services.settings.running.panel.virtual_button:
            raise HTTPException(404)
        match given.act:
            case Act.PRESS:
                button.press()
            case Act.RELEASE:
                button.release()
            case Act.HOLD:
                button.press(HOLD_SECONDS + SPARE_SECONDS)

    return routes
