"""Languages: what this browser wants to see, remembered for a year."""

from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusweb.door import OPEN
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import format_date, format_number, format_time, speaking
from mbusweb.locale import gettext as _
from mbusweb.locale.preferences import AUTO, CHOICES, LANGUAGES, Preferences
from mbusweb.render import flash, go_to, page, renderer_of
from mbusweb.services import BaseServices

DOOR: Final = OPEN
YEAR: Final = 365 * 24 * 3600
_EXAMPLE: Final = datetime(2026, 3, 25, 16, 7, 9, tzinfo=UTC)
"""Day, month, hour and minute cannot be taken for each other."""


def router(services: BaseServices) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get("/languages")
    async def languages(request: Request, who: Asking) -> Response:
        return page(request, "languages.html", chosen=who.preferences, choices=_choices(who.preferences))

    @routes.post("/languages")
    async def remember(request: Request, who: Asking) -> Response:
        preferences = who.preferences.with_choices(await form_values(request))
        with speaking(preferences):
            flash(request, "success", _("Saved for this browser."))
        answer = go_to(request, "/languages")
        answer.set_cookie(
            renderer_of(request).product.preferences_cookie,
            preferences.to_cookie(),
            max_age=YEAR,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    return routes


def _choices(preferences: Preferences) -> dict[str, list[tuple[str, str]]]:
    """Give for each preference its values, each with an example of itself."""
    themes = {AUTO: _("As the system"), "light": _("Light"), "dark": _("Dark")}
    return {
        "language": list(LANGUAGES.items()),
        "theme": [(value, themes[value]) for value in CHOICES["theme"]],
        **{
            name: [(value, _example(preferences, name, value)) for value in CHOICES[name]]
            for name in ("date", "time", "number")
        },
    }


def _example(preferences: Preferences, name: str, value: str) -> str:
    with speaking(preferences.with_choices({name: value})):
        shown = {
            "date": format_date(_EXAMPLE),
            "time": format_time(_EXAMPLE),
            "number": format_number(12345.6),
        }[name]
    return _("As the language: %(example)s") % {"example": shown} if value == AUTO else shown
