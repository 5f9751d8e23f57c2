"""Gaps: what is missing, and how far its filling is."""

from collections import Counter
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.filling.gaps import FillState
from mbusheadend.store import UnknownError
from mbusheadend.watch.actions import gaps_of
from mbusheadend.web.door import READER
from mbusheadend.web.gap_deeds import EVERY_MASTER, KIND
from mbusheadend.web.gap_texts import shown_gap, state_choices
from mbusheadend.web.job_live import shown_job
from mbusheadend.web.services import Services
from mbusweb.locale import format_number
from mbusweb.paging import paged
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/gaps"
PAGE: Final = 50
MOST: Final = 20_000
"""Gaps that are looked through."""
MOST_MASTERS: Final = 500


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request, master: str = "", state: str = "", number: str = "") -> Response:
        store = services.store
        chosen = await _known(services, master[:64])
        state = state if state in set(FillState) else ""
        found = await gaps_of(store, chosen or None, limit=MOST)
        rows = [row for row in found if not state or row.fill.state == state]
        part = paged(rows, number, PAGE)
        schedules = {one.schedule.id: one.schedule.title for one in await store.schedules()}
        masters = [one for one in await store.masters() if one.local is None]
        counts = Counter(row.fill.state for row in found)
        return page(
            request,
            "gaps.html",
            rows=[shown_gap(row.meter, row.fill, schedules) for row in part.rows],
            total=len(rows),
            slots=sum(row.fill.slots for row in rows),
            paged=part,
            pages=f"{PATH}?{urlencode({'master': chosen, 'state': state})}&number=",
            states=[
                (one, f"{text} ({format_number(counts[FillState(one)])})" if one else text)
                for one, text in state_choices()
            ],
            state=state,
            masters=[(one.serial, one.name or one.serial) for one in masters[:MOST_MASTERS]],
            master=chosen,
            job=_job(services, chosen),
        )

    return routes


async def _known(services: Services, serial: str) -> str:
    try:
        return (await services.store.master(serial)).serial if serial else ""
    except UnknownError:
        return ""


def _job(services: Services, serial: str) -> dict[str, object] | None:
    found = next(
        (one for one in services.jobs.list(KIND) if one.subject in (serial or EVERY_MASTER, EVERY_MASTER)),
        None,
    )
    return None if found is None else shown_job(found)
