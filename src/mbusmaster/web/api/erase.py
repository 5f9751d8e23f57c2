"""Erasing all data of the master."""

from typing import Final, Literal

from fastapi import APIRouter
from starlette.responses import Response

from mbusmaster.system.erase import EraseError
from mbusmaster.system.unavailable import NotAvailableError
from mbusmaster.web.actions.erase import begin_erase, erase_obstacle
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling, require_program
from mbusweb.api.models import Given
from mbusweb.api.problems import declared, problem

CHECK: Final = require_program


class EraseGiven(Given):
    """The words that make sure that it is meant."""

    confirmation: Literal["erase all data"]


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["system"])

    @routes.post("/erase", status_code=202, response_class=Response, responses=declared(409, 501, 503))
    async def erase_all_data(given: EraseGiven, calling: Calling) -> Response:
        """Erase all data and restart; afterwards only the setup interface leads in."""
        why_not = erase_obstacle(services)
        if services.restart is None or services.restart.eraser is None:
            raise NotAvailableError(why_not)
        if why_not:
            return problem(409, why_not)
        try:
            task = await begin_erase(
                services, services.restart, services.restart.eraser, calling, "over the API"
            )
        except EraseError as error:
            return problem(503, str(error))
        return Response(status_code=202, background=task)

    return routes
