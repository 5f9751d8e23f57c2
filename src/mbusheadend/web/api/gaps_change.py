"""Filling of gaps, now."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from mbusheadend.web.api.jobs import JobFound
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.gap_deeds import fill_now
from mbusheadend.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.problems import declared

DOOR: Final = OPERATOR


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["readings"])

    @routes.post("/gaps/fill", status_code=202, responses=declared(404, 409, 503))
    async def fill_gaps(
        calling: Calling, master: Annotated[str, Query(max_length=64, description="None is all.")] = ""
    ) -> JobFound:
        """Try gaps again now, also what was put off or given up; the job says what came of it."""
        return JobFound.seen(await fill_now(services, calling, master))

    return routes
