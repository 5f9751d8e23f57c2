"""Cancelling of jobs."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.web.door import OPERATOR
from mbusheadend.web.job_deeds import cancel_job
from mbusheadend.web.job_texts import link_of
from mbusheadend.web.pages.jobs import JOB, found
from mbusheadend.web.services import Services
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.render import flash, go_to

DOOR: Final = OPERATOR


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.post(f"{JOB}/cancel")
    async def cancel(request: Request, id: str, who: Asking) -> Response:
        job = found(services, id)
        if cancel_job(services, who, job):
            flash(request, "success", _("It ends as soon as it can; what was stored stays."))
        else:
            flash(request, "warning", _("It had ended already."))
        return go_to(request, link_of(job))

    return routes
