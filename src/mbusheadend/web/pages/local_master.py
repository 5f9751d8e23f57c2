"""A master that is read locally: how it is reached, its meters, and a reading live."""

from collections.abc import AsyncGenerator
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.web.door import OPERATOR
from mbusheadend.web.job_live import job_events
from mbusheadend.web.local_deeds import find_local
from mbusheadend.web.local_rounds import newest_job, shown, way_text
from mbusheadend.web.pages.local import PATH
from mbusheadend.web.services import Services
from mbusweb.events import Event, event_stream
from mbusweb.guard import Asking
from mbusweb.render import page, renderer_of

DOOR: Final = OPERATOR
MASTER: Final = f"{PATH}/{{serial}}"


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(MASTER)
    async def show(request: Request, serial: str, number: str = "") -> Response:
        master = await find_local(services, serial)
        job = newest_job(services, serial)
        return page(
            request,
            "local_master.html",
            way=way_text(master),
            kept=await services.store.local_keys_kept(serial),
            is_at_work=job is not None and job.is_at_work,
            **await shown(services, master, _number(number)),
        )

    @routes.get(f"{MASTER}/events")
    async def events(request: Request, serial: str, who: Asking, number: str = "") -> Response:
        await find_local(services, serial)
        return event_stream(request, _changes(request, services, serial, who, _number(number)))

    return routes


def _changes(
    request: Request, services: Services, serial: str, who: Asking, number: int
) -> AsyncGenerator[Event]:
    render = renderer_of(request).fragment

    async def part() -> str:
        master = await find_local(services, serial)
        return render("parts/local_live.html", visitor=who, **await shown(services, master, number))

    def is_over() -> bool:
        job = newest_job(services, serial)
        return job is None or not job.is_at_work

    return job_events(services.jobs, part, is_over)


def _number(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) <= 5 else 1
