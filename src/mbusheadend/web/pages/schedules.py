"""Schedules: which there are, in words, and when each reads next."""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.fleet.schedule_words import next_slots, rule_text, way_text, who_text
from mbusheadend.store import StoredSchedule
from mbusheadend.web.door import READER
from mbusheadend.web.services import Services
from mbushosting.slots import UnknownZoneError
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/schedules"


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        found = await services.store.schedules()
        shown = sorted(found, key=lambda one: (one.schedule.title.casefold(), one.schedule.id))
        return page(request, "schedules.html", rows=[_row(services, one) for one in shown])

    return routes


def _row(services: Services, stored: StoredSchedule) -> dict[str, Any]:
    schedule = stored.schedule
    try:
        slots = next_slots(schedule.rule, services.now())
    except UnknownZoneError:
        slots = ()
    return {
        "schedule": schedule,
        "when": rule_text(schedule.rule),
        "who": who_text(stored.assignment),
        "way": way_text(schedule),
        "slots": slots,
    }
