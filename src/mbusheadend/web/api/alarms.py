"""Alarms, for whoever may see them."""

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import ConfigDict

from mbusheadend.alarms.alarm import Alarm, AlarmFilter
from mbusheadend.alarms.kinds import AlarmKind
from mbusheadend.web.alarm_texts import LOOKS, kind_text, severity_of
from mbusheadend.web.door import READER
from mbusheadend.web.services import Services
from mbusweb.api.models import MOST_ROWS, Answer, RowNumber
from mbusweb.api.problems import declared
from mbusweb.locale import said

DOOR: Final = READER
MOST: Final = 1000
"""Alarms at once."""
SeverityName = Literal["notice", "warning", "error"]


class AlarmFound(Answer):
    """An alarm; `ended` is null while it lasts. `title` and `text` are in the caller's language, `kind` is for programs."""

    model_config = ConfigDict(title="Alarm")

    id: int
    kind: AlarmKind
    title: str
    severity: str
    text: str
    master: str
    meter: int | None
    detail: str
    first: datetime
    last: datetime
    count: int
    ended: datetime | None
    acknowledged: datetime | None
    acknowledged_by: str
    note: str


class AlarmsFound(Answer):
    """Some alarms; `before` asks for the next page, null on the last one."""

    alarms: list[AlarmFound]
    before: int | None
    total: int


class AlarmCounts(Answer):
    """How many alarms are open that nobody has acknowledged."""

    error: int
    warning: int
    notice: int


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["alarms"])
    store = services.store

    @routes.get("/alarms", responses=declared(503))
    async def list_alarms(
        is_open: Annotated[bool | None, Query(alias="open", description="Lasting, or over.")] = None,
        acknowledged: Annotated[bool | None, Query(description="Whether somebody knows of them.")] = None,
        kind: Annotated[list[AlarmKind] | None, Query()] = None,
        severity: Annotated[SeverityName, Query(description="The least.")] = "notice",
        master: Annotated[str | None, Query(max_length=64, description="Serial number.")] = None,
        meter: Annotated[int | None, Query(ge=0, lt=MOST_ROWS)] = None,
        group: Annotated[
            str | None, Query(max_length=64, description="Of the master or of the meter.")
        ] = None,
        before: Annotated[int | None, Query(ge=0, lt=MOST_ROWS)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> AlarmsFound:
        """List alarms, the newest first."""
        chosen = AlarmFilter(
            is_open, acknowledged, frozenset(kind or ()), severity_of(severity), master, meter, group
        )
        found = await store.alarms(chosen, before, limit)
        return AlarmsFound(
            alarms=[found_alarm(one) for one in found.alarms], before=found.before, total=found.total
        )

    @routes.get("/alarms/count", responses=declared(503))
    async def count_alarms() -> AlarmCounts:
        """Count open alarms that nobody has acknowledged."""
        counts = await store.count_alarms()
        return AlarmCounts.model_validate({name: counts.get(one, 0) for one, name in LOOKS.items()})

    @routes.get("/alarms/{id}", responses=declared(404, 503))
    async def get_alarm(id: RowNumber) -> AlarmFound:
        """Give one alarm."""
        return found_alarm(await store.alarm(id))

    return routes


def found_alarm(alarm: Alarm) -> AlarmFound:
    """Give an alarm as programs see it."""
    return AlarmFound(
        id=alarm.id,
        kind=alarm.key.kind,
        title=kind_text(alarm.key.kind),
        severity=LOOKS[alarm.severity],
        text=said(alarm.text),
        master=alarm.key.master,
        meter=alarm.key.meter,
        detail=alarm.key.detail,
        first=alarm.first,
        last=alarm.last,
        count=alarm.count,
        ended=alarm.cleared,
        acknowledged=alarm.acknowledged,
        acknowledged_by=alarm.acknowledged_by if alarm.acknowledged else "",
        note=alarm.note if alarm.acknowledged else "",
    )
