"""Gaps, judgments, and what was filled from where."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query

from mbusheadend.filling.gaps import FillState, Source
from mbusheadend.watch.actions import filled_of, gaps_of, judgments_of
from mbusheadend.web.api.alarms import AlarmFound, found_alarm
from mbusheadend.web.door import READER
from mbusheadend.web.gap_texts import why_text
from mbusheadend.web.services import Services
from mbusweb.api.models import MOST_ROWS, Answer, Moment, RowNumber
from mbusweb.api.problems import declared

DOOR: Final = READER
MOST: Final = 20_000


class GapFound(Answer):
    """A gap: slots `first` to `last` of a schedule. `why` says in words what is done, `due` when it is tried next."""

    meter: int
    schedule: str
    first: datetime
    last: datetime
    slots: int
    state: FillState
    why: str
    due: datetime | None


class SlotFilled(Answer):
    """A slot that was filled later: `storage` is the storage number in the reading, 0 for one that was taken for the slot."""

    schedule: str
    slot: datetime
    source: Source
    reading: str
    taken: datetime
    storage: int
    is_by_day: bool


class JudgmentsFound(Answer):
    """What readings tell of a meter; seconds of its clock beyond its zone, null where nothing is known."""

    alarms: list[AlarmFound]
    judged: datetime | None
    clock_zone: float | None
    clock_error: float | None
    clock_drift: float | None
    still_since: datetime | None
    still_readings: int


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["readings"])
    store = services.store

    @routes.get("/gaps", responses=declared(404, 503))
    async def list_filling(
        master: Annotated[str | None, Query(max_length=64)] = None,
        meter: Annotated[int | None, Query(ge=0, lt=MOST_ROWS)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 1000,
    ) -> list[GapFound]:
        """List gaps, the newest first."""
        rows = await gaps_of(store, master, meter, limit)
        return [
            GapFound(
                meter=row.meter.id,
                schedule=row.fill.schedule,
                first=row.fill.first,
                last=row.fill.last,
                slots=row.fill.slots,
                state=row.fill.state,
                why=why_text(row.fill),
                due=row.fill.due,
            )
            for row in rows
        ]

    @routes.get("/meters/{number}/judgments", responses=declared(404, 503))
    async def get_judgments(number: RowNumber) -> JudgmentsFound:
        """Give what readings tell of a meter beyond their values."""
        judged = await judgments_of(store, number)
        spans = {
            name: None if (span := getattr(judged, name)) is None else span.total_seconds()
            for name in ("clock_zone", "clock_error", "clock_drift")
        }
        return JudgmentsFound(
            alarms=[found_alarm(one) for one in judged.alarms],
            judged=judged.judged,
            still_since=judged.still_since,
            still_readings=judged.still_readings,
            **spans,
        )

    @routes.get("/meters/{number}/filled", responses=declared(404, 503))
    async def list_filled(number: RowNumber, since: Moment, until: Moment) -> list[SlotFilled]:
        """List the slots of a meter that were filled later."""
        await store.meter(number)
        return [SlotFilled.of(one) for one in await filled_of(store, number, since, until)]

    return routes
