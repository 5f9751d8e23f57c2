"""What operators do to schedules."""

from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import Field

from mbusheadend.store import Assignment, StoreRefusedError
from mbusheadend.store.browsing import GroupKind
from mbusheadend.web.api.schedules import ScheduleRow
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.fleet_deeds import delete_schedule, record_schedule
from mbusheadend.web.services import Services
from mbushosting.parts import Id, SerialNumber
from mbushosting.schedules import Calendar, Every, Missed, Schedule
from mbushosting.slots import UnknownZoneError, check_rule
from mbusweb.api.callers import Calling
from mbusweb.api.models import Given
from mbusweb.api.problems import declared
from mbusweb.locale import gettext as _

DOOR: Final = OPERATOR


class ForGiven(Given):
    """For whom a schedule is to be; at least one of the first three."""

    everybody: bool = False
    masters: Annotated[tuple[SerialNumber, ...], Field(max_length=5000)] = ()
    groups: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    meters: Annotated[tuple[Annotated[int, Field(ge=0, lt=1 << 62)], ...], Field(max_length=2500)] = ()
    meter_groups: Annotated[tuple[str, ...], Field(max_length=100)] = ()


class ScheduleGiven(Given):
    """A schedule that is wanted. `known` is the version that it changes, 0 for a new one, null for whichever is there."""

    title: Annotated[str, Field(max_length=128)] = ""
    rule: Annotated[Every | Calendar, Field(discriminator="kind")]
    application_reset: bool = False
    missed: Missed = Missed.MAKE_UP
    silent_at_end: bool = False
    remembered_rate: bool = False
    budget: Annotated[int, Field(ge=1, le=1440)] | None = None
    enabled: bool = True
    assignment: ForGiven
    known: Annotated[int, Field(ge=0, lt=1 << 31)] | None = None


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["schedules"])

    @routes.put("/schedules/{id}", responses=declared(409, 503))
    async def put_schedule(id: Id, given: ScheduleGiven, calling: Calling) -> ScheduleRow:
        """Add a schedule, or change the one of this id."""
        facts = given.model_dump(exclude={"assignment", "known", "rule"})
        _check_rule(given.rule)
        assignment = await _assignment(services, given.assignment)
        stored = await services.store.put_schedule(
            Schedule(id=id, rule=given.rule, **facts), assignment, services.now(), given.known
        )
        record_schedule(services, calling, stored)
        return ScheduleRow.of_stored(stored, services.now())

    @routes.delete("/schedules/{id}", status_code=204, responses=declared(404, 503))
    async def remove_schedule(id: str, calling: Calling) -> None:
        """Delete a schedule; what it has read stays."""
        await delete_schedule(services, calling, id)

    return routes


def _check_rule(rule: Every | Calendar) -> None:
    try:
        check_rule(rule)
    except UnknownZoneError as error:
        raise StoreRefusedError(str(error)) from None


async def _assignment(services: Services, given: ForGiven) -> Assignment:
    if not (given.everybody or given.masters or given.groups):
        raise StoreRefusedError(_("Say at which masters: all, those of a group, or some."))
    calling = {master.serial for master in await services.store.masters() if master.local is None}
    named = (
        (given.masters, calling),
        (given.groups, await services.store.groups(GroupKind.MASTERS)),
        (given.meter_groups, await services.store.groups(GroupKind.METERS)),
    )
    for names, there in named:
        for name in names:
            if name not in there:
                raise StoreRefusedError(_("There is nothing called %(name)s here.") % {"name": name})
    for number in given.meters:
        await services.store.meter(number)
    return Assignment(
        frozenset(given.masters),
        frozenset(given.groups),
        given.everybody,
        frozenset(given.meters),
        frozenset(given.meter_groups),
    )
