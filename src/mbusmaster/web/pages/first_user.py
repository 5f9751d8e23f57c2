"""The page to which the factory login leads: make one's own user; the default user is then gone (DESIGN 5.7)."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.web.services import Services
from mbusweb.access import AccessError
from mbusweb.access_problems import access_problem
from mbusweb.door import OPEN
from mbusweb.errors import NeedsLoginError
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.pages.login import log_in_as, log_out_here
from mbusweb.render import go_to, page
from mbusweb.visitor import Visitor

DOOR: Final = OPEN


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    access = services.access

    @routes.get("/first-user")
    async def show(request: Request, who: Asking) -> Response:
        if who.is_user:
            return go_to(request, "/status")
        _require_factory(who)
        return page(request, "first_user.html", name="", problems={})

    @routes.post("/first-user")
    async def make(request: Request, who: Asking) -> Response:
        _require_factory(who)
        values = await form_values(request)
        name, password = values.get("name", ""), values.get("password", "")
        problems = {}
        if password != values.get("again", ""):
            problems["again"] = _("The two passwords differ.")
        else:
            try:
                await access.add_user(name, password, who=who.user, source=who.source, first=True)
            except AccessError as error:
                problems[error.field or "name"] = access_problem(error)
        if problems:
            return page(request, "first_user.html", status=422, name=name[:64], problems=problems)
        log_out_here(services, who)
        session = await access.log_in(name, password, source=who.source, setup=who.is_setup)
        text = _("Your user is made, and the default user is deleted.")
        return log_in_as(request, session, "/status", text)

    return routes


def _require_factory(who: Visitor) -> None:
    """The page is for the factory login alone."""
    if who.session is None or not who.session.is_factory:
        raise NeedsLoginError
