"""The password of the user who is logged in, where the user list is for some users only."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusweb.access import AccessError
from mbusweb.access_problems import access_problem
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.pages.users import new_password_problems
from mbusweb.render import flash, go_to, page, renderer_of
from mbusweb.services import BaseServices

PATH = "/password"


def router(services: BaseServices) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return page(request, "own_password.html", problems={})

    @routes.post(PATH)
    async def change(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        problems = await new_password_problems(request, services, values)
        if not problems:
            try:
                await services.access.change_password(
                    who.user, values.get("password", ""), who=who.user, source=who.source, keep=who.session
                )
            except AccessError as error:
                problems["password"] = access_problem(error)
        if problems:
            return page(request, "own_password.html", status=422, problems=problems)
        flash(request, "success", _("The password was changed."))
        return go_to(request, renderer_of(request).product.home)

    return routes
