"""The first administrator: made with the link that was shown when the head-end was started without users."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.roles import ADMIN
from mbusheadend.web.first_admin import PATH
from mbusheadend.web.services import Services
from mbusweb.access import AccessError
from mbusweb.access_problems import access_problem
from mbusweb.door import OPEN
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.pages.login import log_in_as, log_out_here
from mbusweb.render import flash, go_to, page, renderer_of

DOOR: Final = OPEN


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    access = services.access

    @routes.get(PATH)
    async def show(request: Request, key: str = "") -> Response:
        if not services.first_admin.accepts(key):
            return _refuse(request)
        return page(request, "first_user.html", key=key, name="", problems={})

    @routes.post(PATH)
    async def make(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        key, name, password = (values.get(field, "") for field in ("key", "name", "password"))
        if not services.first_admin.accepts(key):
            return _refuse(request)
        problems = {}
        if password != values.get("again", ""):
            problems["again"] = _("The two passwords differ.")
        else:
            try:
                await access.add_user(
                    name, password, role=ADMIN, who="set-up link", source=who.source, first=True
                )
            except AccessError as error:
                problems[error.field or "name"] = access_problem(error)
        if problems:
            return page(request, "first_user.html", status=422, key=key, name=name[:64], problems=problems)
        log_out_here(services, who)
        session = await access.log_in(name, password, source=who.source, setup=False)
        return log_in_as(
            request, session, renderer_of(request).product.home, _("Welcome: you may do everything here.")
        )

    return routes


def _refuse(request: Request) -> Response:
    flash(request, "error", _("This link is no longer good. Log in, or ask whoever looks after the users."))
    return go_to(request, "/login")
