"""What operators do to rollouts: hold them up."""

from typing import Final

from fastapi import APIRouter

from mbusheadend.web.api.rollouts import RolloutRow, rollout_row
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.rollout_deeds import pause_rollout, resume_rollout, stop_rollout
from mbusheadend.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.problems import declared

DOOR: Final = OPERATOR


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["fleet"])

    @routes.post("/rollouts/{id}/pause", responses=declared(404, 409, 503))
    async def post_rollout_pause(id: str, calling: Calling) -> RolloutRow:
        """Tell no more masters; those that were told go on."""
        return await rollout_row(services, await pause_rollout(services, calling, id))

    @routes.post("/rollouts/{id}/resume", responses=declared(404, 409, 503))
    async def post_rollout_resume(id: str, calling: Calling) -> RolloutRow:
        """Go on after a pause."""
        return await rollout_row(services, await resume_rollout(services, calling, id))

    @routes.post("/rollouts/{id}/stop", responses=declared(404, 409, 503))
    async def post_rollout_stop(id: str, calling: Calling) -> RolloutRow:
        """Stop, and take back what masters have not begun."""
        return await rollout_row(services, await stop_rollout(services, calling, id))

    return routes
