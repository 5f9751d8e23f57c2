"""Masters that are read locally (guide 5.1, 5.2): the list."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.web.door import OPERATOR
from mbusheadend.web.job_live import shown_job
from mbusheadend.web.local_rounds import newest_job, way_text
from mbusheadend.web.services import Services
from mbusweb.render import page

DOOR: Final = OPERATOR
PATH: Final = "/local"


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show_list(request: Request) -> Response:
        masters = [one for one in await services.store.masters() if one.local is not None]
        counts = await services.store.meters_at([one.serial for one in masters])
        jobs = {one.serial: newest_job(services, one.serial) for one in masters}
        return page(
            request,
            "local.html",
            rows=[
                (one, way_text(one), counts.get(one.serial, 0), None if job is None else shown_job(job))
                for one, job in ((one, jobs[one.serial]) for one in masters)
            ],
        )

    return routes
