"""What readings tell of one meter: judgments, gaps, and what was filled later from where."""

from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.watch.actions import filled_of, gaps_of, judgments_of
from mbusheadend.web.alarm_texts import alarm_rows
from mbusheadend.web.door import READER
from mbusheadend.web.gap_texts import filled_text, judgment_facts, shown_gap
from mbusheadend.web.reading_head import head_of
from mbusheadend.web.services import Services
from mbusweb.api.models import RowNumber
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/readings/{number}/judgments"
DAYS: Final = 60
"""Back for which it is shown what was filled."""
MOST: Final = 200


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request, number: RowNumber) -> Response:
        store, now = services.store, services.now()
        meter = await store.meter(number)
        judged = await judgments_of(store, number)
        schedules = {one.schedule.id: one.schedule.title for one in await store.schedules()}
        filled = await filled_of(store, number, now - timedelta(days=DAYS), now)
        gaps = await gaps_of(store, meter=number, limit=MOST)
        return page(
            request,
            "judgments.html",
            head=await head_of(request, services, meter, now),
            facts=judgment_facts(judged),
            alarms=await alarm_rows(store, judged.alarms),
            gaps=[shown_gap(row.meter, row.fill, schedules) for row in gaps],
            filled=[(one, filled_text(one)) for one in reversed(filled[-MOST:])],
            days=DAYS,
        )

    return routes
