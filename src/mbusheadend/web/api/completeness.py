"""Completeness: of masters, of meters, by day; the gaps of a meter."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from mbusheadend.store.browsing import MasterFilter, MeterFilter
from mbusheadend.store.viewing import Count
from mbusheadend.views.complete import GRACE, Complete, days_of, gaps_of, masters_complete, meters_complete
from mbusheadend.web.door import READER
from mbusheadend.web.reading_answers import MeterNumber, Since, Until, Zone, refuse, span_given, zone_given
from mbusheadend.web.services import Services
from mbusweb.api.models import Answer
from mbusweb.api.problems import declared
from mbusweb.locale import gettext as _

DOOR: Final = READER
MOST: Final = 100
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Limit = Annotated[int, Query(ge=1, le=MOST)]


class CountAnswer(Answer):
    """Slots of schedules: expected, with a sound reading, and with a value of the meter's memory instead."""

    expected: int
    received: int
    recalled: int


class DayAnswer(CountAnswer):
    """The same of one day."""

    since: datetime


class MasterComplete(Answer):
    """A master."""

    master: str
    total: CountAnswer
    days: list[DayAnswer]


class MeterComplete(Answer):
    """A meter."""

    meter: int
    identity: str
    total: CountAnswer
    days: list[DayAnswer]


class GapAnswer(Answer):
    """Slots without a sound reading, one after the other; `outcome` of the last attempt is null where nothing came."""

    schedule: str
    first: datetime
    last: datetime
    slots: int
    outcome: str | None
    filling: str | None


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["readings"])
    _add_tables(routes, services)
    _add_gaps(routes, services)
    return routes


def _add_tables(routes: APIRouter, services: Services) -> None:
    store = services.store

    @routes.get("/completeness/masters")
    async def list_complete_masters(
        since: Since = None, until: Until = None, zone: Zone = "UTC", offset: Offset = 0, limit: Limit = 20
    ) -> list[MasterComplete]:
        """Compare for each master what was expected with what came, by day; by default of seven days."""
        found = await store.find_masters(MasterFilter(), offset, limit)
        table = await masters_complete(store, found.masters, _edges(services, since, until, zone))
        return [
            MasterComplete(master=master.serial, **_answer(complete, table.edges))
            for master, complete in table.masters
        ]

    @routes.get("/completeness/meters")
    async def list_complete_meters(
        master: Annotated[str, Query(max_length=64, description="Only those at this master.")] = "",
        group: Annotated[str, Query(max_length=64, description="Only those of this group.")] = "",
        since: Since = None,
        until: Until = None,
        zone: Zone = "UTC",
        offset: Offset = 0,
        limit: Limit = 50,
    ) -> list[MeterComplete]:
        """Compare for each meter what was expected with what came, by day; by default of seven days."""
        chosen = MeterFilter(master=master or None, group=group or None)
        found = await store.find_meters(chosen, offset, limit)
        table = await meters_complete(store, found.meters, _edges(services, since, until, zone))
        return [
            MeterComplete(meter=meter.id, identity=meter.identity, **_answer(complete, table.edges))
            for meter, complete in table.meters
        ]


def _add_gaps(routes: APIRouter, services: Services) -> None:
    @routes.get("/readings/{number}/gaps", responses=declared(404))
    async def list_gaps(
        number: MeterNumber,
        since: Since = None,
        until: Until = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[GapAnswer]:
        """Give the gaps of a meter, the newest first; by default of seven days."""
        await services.store.meter(number)
        ends = _edges(services, since, until, "UTC")
        return [
            GapAnswer(
                schedule=one.gap.schedule,
                first=one.gap.first,
                last=one.gap.last,
                slots=one.gap.slots,
                outcome=None if one.gap.outcome is None else one.gap.outcome.value,
                filling=None if one.fill is None else one.fill.state.value,
            )
            for one in (await gaps_of(services.store, number, ends[0], ends[-1]))[:limit]
        ]


def _edges(
    services: Services, since: datetime | None, until: datetime | None, zone: str
) -> tuple[datetime, ...]:
    latest = services.now() - GRACE
    begin, end = span_given(since, min(until, latest) if until else latest, latest)
    try:
        return days_of(begin, end, zone_given(zone))
    except (ValueError, OverflowError):
        refuse("since", _("This time has too many days."))


def _answer(complete: Complete, edges: Sequence[datetime]) -> dict[str, Any]:
    return {"total": _count(complete.total), "days": list(_days(complete, edges))}


def _days(complete: Complete, edges: Sequence[datetime]) -> Iterable[DayAnswer]:
    return (
        DayAnswer(since=since, expected=one.expected, received=one.received, recalled=one.recalled)
        for since, one in zip(edges, complete.days, strict=False)
    )


def _count(count: Count) -> CountAnswer:
    return CountAnswer(expected=count.expected, received=count.received, recalled=count.recalled)
