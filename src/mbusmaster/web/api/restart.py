"""Restart of the master, with what waits for it."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mbusmaster.system.unavailable import NotAvailableError
from mbusmaster.web.actions.restart import begin_restart, obstacle
from mbusmaster.web.api.settings import ChangedSetting, changed
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer
from mbusweb.api.problems import declared, problem


class RestartStatus(Answer):
    """What waits for a restart, and why there can be none now, if so."""

    pending: tuple[ChangedSetting, ...]
    obstacle: str


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["system"])

    @routes.get("/restart")
    async def get_restart() -> RestartStatus:
        """Tell what waits for a restart."""
        return _status(services)

    @routes.post("/restart", status_code=202, response_model=RestartStatus, responses=declared(409, 501))
    async def start_restart(calling: Calling) -> Response:
        """Restart the master: readings under way are cut off, and it is back within a minute."""
        why_not = obstacle(services)
        if services.restart is None:
            raise NotAvailableError(why_not)
        if why_not:
            return problem(409, why_not)
        task = begin_restart(services, services.restart, calling, "over the API")
        return JSONResponse(_status(services).model_dump(mode="json"), 202, background=task)

    return routes


def _status(services: Services) -> RestartStatus:
    return RestartStatus(pending=changed(services.settings.pending()), obstacle=obstacle(services))
