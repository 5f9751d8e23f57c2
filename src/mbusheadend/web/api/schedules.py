"""Schedules: when which meters are read."""

from datetime import datetime
from typing import Final, Self

from fastapi import APIRouter

from mbusheadend.fleet.schedule_words import next_slots, schedule_text
from mbusheadend.store import StoredSchedule
from mbusheadend.web.door import READER
from mbusheadend.web.fleet_deeds import find_schedule
from mbusheadend.web.services import Services
from mbushosting.schedules import Calendar, Every, Missed
from mbushosting.slots import UnknownZoneError
from mbusweb.api.models import Answer
from mbusweb.api.problems import declared

DOOR: Final = READER


class For(Answer):
    """For whom a schedule is: masters and groups of them, or everybody; and only some meters there, where any are named."""

    everybody: bool
    masters: list[str]
    groups: list[str]
    meters: list[int]
    meter_groups: list[str]


class ScheduleRow(Answer):
    """A schedule. `version` rises with each change; `words` says it in the language of the caller."""

    id: str
    version: int
    title: str
    rule: Every | Calendar
    application_reset: bool
    missed: Missed
    silent_at_end: bool
    remembered_rate: bool
    budget: int | None
    enabled: bool
    assignment: For
    words: str
    next: list[datetime]

    @classmethod
    def of_stored(cls, stored: StoredSchedule, now: datetime) -> Self:
        """Write one."""
        schedule, assignment = stored.schedule, stored.assignment
        try:
            slots = next_slots(schedule.rule, now) if schedule.enabled else ()
        except UnknownZoneError:
            slots = ()
        facts = schedule.model_dump(exclude={"meters", "rule"})
        return cls(
            **facts,
            rule=schedule.rule,
            assignment=For(
                everybody=assignment.everybody,
                masters=sorted(assignment.masters),
                groups=sorted(assignment.groups),
                meters=sorted(assignment.meters),
                meter_groups=sorted(assignment.meter_groups),
            ),
            words=schedule_text(stored),
            next=[slot.at for slot in slots],
        )


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["schedules"])

    @routes.get("/schedules", responses=declared(503))
    async def get_schedules() -> list[ScheduleRow]:
        """List schedules by id."""
        now = services.now()
        return [ScheduleRow.of_stored(one, now) for one in await services.store.schedules()]

    @routes.get("/schedules/{id}", responses=declared(404, 503))
    async def get_schedule(id: str) -> ScheduleRow:
        """Give a schedule."""
        return ScheduleRow.of_stored(await find_schedule(services, id), services.now())

    return routes
