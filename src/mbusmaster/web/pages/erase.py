"""Erase all data: the way back to a new master, before it is given away or set up anew."""

from collections.abc import Callable, Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.system.erase import EraseError
from mbusmaster.web.actions.erase import begin_erase, erase_obstacle
from mbusmaster.web.services import Services
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.own_password import OWN, own_password_problem
from mbusweb.render import page


def add_routes(
    routes: APIRouter, services: Services, path: str, restarting: Callable[[Request], Response]
) -> None:
    """Add the routes of the page.

    :param restarting: gives the page that waits until the master is back.
    """

    def show_page(request: Request, problems: Mapping[str, str] = {}, obstacle: str = "") -> Response:
        eraser = services.restart.eraser if services.restart else None
        return page(
            request,
            "erase.html",
            status=422 if problems else 503 if obstacle else 200,
            problems=problems,
            obstacle=obstacle or erase_obstacle(services),
            foreign=eraser.foreign() if eraser else (),
        )

    @routes.get(path)
    async def show(request: Request) -> Response:
        return show_page(request)

    @routes.post(path)
    async def erase(request: Request, who: Asking) -> Response:
        own = (await form_values(request)).get(OWN, "")
        if problem := await own_password_problem(request, services, own):
            return show_page(request, {OWN: problem})
        obstacle = erase_obstacle(services)
        if obstacle or services.restart is None or services.restart.eraser is None:
            return show_page(request, obstacle=obstacle)
        try:
            task = await begin_erase(
                services, services.restart, services.restart.eraser, who, "on the web page"
            )
        except EraseError as error:
            return show_page(request, obstacle=str(error))
        answer = restarting(request)
        answer.background = task
        return answer
