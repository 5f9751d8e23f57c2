"""Acknowledging of alarms."""

from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import Field

from mbusheadend.alarms.alarm import LONGEST_NOTE
from mbusheadend.web.alarm_deeds import MOST_AT_ONCE, acknowledge
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import MOST_ROWS, Answer, Given, Whole
from mbusweb.api.problems import declared

DOOR: Final = OPERATOR


class AlarmsAcknowledged(Given):
    """Alarms that somebody knows of."""

    alarms: Annotated[
        list[Annotated[Whole, Field(ge=0, lt=MOST_ROWS)]], Field(min_length=1, max_length=MOST_AT_ONCE)
    ]
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] = ""


class AlarmsTaken(Answer):
    """Of how many nobody knew before."""

    count: int


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["alarms"])

    @routes.post("/alarms/acknowledge", responses=declared(503))
    async def acknowledge_alarms(given: AlarmsAcknowledged, calling: Calling) -> AlarmsTaken:
        """Acknowledge alarms: they are counted no longer, and new again where they get worse."""
        return AlarmsTaken(count=await acknowledge(services, calling, set(given.alarms), given.note))

    return routes
