"""Settings of many masters: what was tried and set, and what each master said."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.fleet.settings_desk import Progress
from mbusheadend.web.door import READER
from mbusheadend.web.rollout_texts import progress_sign
from mbusheadend.web.services import Services
from mbusweb.paging import paged
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/fleet-settings"
ORDER: Final = f"{PATH}/{{id}}"
PAGE: Final = 200


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return page(request, "fleet_settings.html", orders=await services.store.all_fleet_settings())

    @routes.get(ORDER)
    async def one(request: Request, id: str, number: str = "") -> Response:
        order = await services.store.fleet_settings(id)
        rows = await services.fleet_settings.progress(order)
        shown = paged(rows, number, PAGE)
        return page(
            request,
            "fleet_settings_one.html",
            order=order,
            pages=shown,
            rows=[(row, progress_sign(row.progress)) for row in shown.rows],
            ready=sum(row.progress is Progress.TRIED for row in rows),
            is_open=any(row.progress.is_open for row in rows),
            counts=[
                (progress_sign(one), count)
                for one in Progress
                if (count := sum(row.progress is one for row in rows))
            ],
        )

    return routes
