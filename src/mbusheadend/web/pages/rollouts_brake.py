"""What operators do to rollouts: hold them up. It can only make things safer."""

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.rollout.errors import RolloutError
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.pages.rollouts import ROLLOUT
from mbusheadend.web.rollout_deeds import pause_rollout, resume_rollout, stop_rollout
from mbusheadend.web.services import Services
from mbusweb.guard import Asking
from mbusweb.locale import said
from mbusweb.render import flash, go_to

DOOR: Final = OPERATOR


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.post(f"{ROLLOUT}/pause")
    async def pause(request: Request, id: str, who: Asking) -> Response:
        return await done(request, id, lambda: pause_rollout(services, who, id))

    @routes.post(f"{ROLLOUT}/resume")
    async def resume(request: Request, id: str, who: Asking) -> Response:
        return await done(request, id, lambda: resume_rollout(services, who, id))

    @routes.post(f"{ROLLOUT}/stop")
    async def stop(request: Request, id: str, who: Asking) -> Response:
        return await done(request, id, lambda: stop_rollout(services, who, id))

    return routes


async def done(request: Request, id: str, deed: Callable[[], Awaitable[object]]) -> Response:
    """Do something to a rollout and show it."""
    try:
        await deed()
    except RolloutError as error:
        flash(request, "error", said(error.text))
    return go_to(request, ROLLOUT.format(id=id))
