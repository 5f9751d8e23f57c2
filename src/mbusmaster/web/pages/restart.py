"""Restart of the master, with what waits for it (guide 3.1.9)."""

import secrets
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from mbusmaster.web.actions.restart import begin_restart, obstacle
from mbusmaster.web.pages import erase
from mbusmaster.web.services import Services
from mbusmaster.web.setting_changes import shown_changes
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.render import ask, flash, go_to, page

PATH: Final = "/configuration/restart"
NOW: Final = f"{PATH}/now"
START: Final = f"{PATH}/start"
ERASE: Final = f"{PATH}/erase"


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    this_start = secrets.token_hex(8)

    def restarting(request: Request) -> Response:
        return page(request, "restarting.html", start=this_start, start_path=START)

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        changes = shown_changes(services.settings.pending())
        return page(request, "restart.html", changes=changes, obstacle=obstacle(services))

    @routes.post(PATH)
    async def question(request: Request) -> Response:
        return ask(
            request,
            title=_("Restart the master?"),
            question=_("Readings that are under way are cut off. The master is back within a minute."),
            yes=_("Restart"),
            path_yes=NOW,
            path_no=PATH,
        )

    @routes.post(NOW)
    async def restart(request: Request, who: Asking) -> Response:
        if services.restart is None or obstacle(services):
            flash(request, "error", obstacle(services))
            return go_to(request, PATH)
        answer = restarting(request)
        answer.background = begin_restart(services, services.restart, who, "on the web page")
        return answer

    @routes.get(START)
    async def start() -> Response:
        """Tell which start of the master this is: a waiting page asks until it is another one."""
        return PlainTextResponse(this_start)

    erase.add_routes(routes, services, ERASE, restarting)
    return routes
