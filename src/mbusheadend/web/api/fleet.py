"""Masters: how they are, and the whole fleet at a glance."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Query

from mbusheadend.fleet.day import DayCount
from mbusheadend.fleet.masters import MasterRow, list_masters, overdue_after, see_master
from mbusheadend.fleet.overview import overview
from mbusheadend.store import StoredCertificate, StoredCommand
from mbusheadend.store.browsing import MasterFilter, MasterSort
from mbusheadend.web.door import READER
from mbusheadend.web.services import Services
from mbusweb.api.models import Answer
from mbusweb.api.problems import declared

DOOR: Final = READER
MOST: Final = 1000
Offset = Annotated[int, Query(ge=0, le=1 << 40)]
Limit = Annotated[int, Query(ge=1, le=MOST)]
Word = Annotated[str, Query(max_length=100)]


class Day(Answer):
    """Readings that were expected in the last 24 hours, and those of them that came."""

    expected: int
    received: int


class Master(Answer):
    """A master. `state` is connected, heard, overdue, never heard or read locally; `report` is what it said last."""

    serial: str
    name: str
    groups: list[str]
    state: str
    enrolled: datetime
    last_contact: datetime | None
    clock_offset_seconds: float | None
    meters: int
    open_alarms: int
    day: Day | None
    local_url: str | None
    report: dict[str, Any] | None

    @classmethod
    def of_row(cls, row: MasterRow) -> Self:
        """Write a row of the list."""
        master = row.master
        return cls(
            serial=master.serial,
            name=master.name,
            groups=sorted(master.groups),
            state=str(row.state),
            enrolled=master.enrolled,
            last_contact=master.last_contact,
            clock_offset_seconds=None if master.clock_offset is None else master.clock_offset.total_seconds(),
            meters=row.meters,
            open_alarms=row.alarms,
            day=_day(row.day),
            local_url=None if master.local is None else master.local.url,
            report=None
            if master.contact is None
            else master.contact.model_dump(mode="json", exclude={"meters"}),
        )


class Masters(Answer):
    """Some masters; `matching` counts all that the filter lets through."""

    masters: list[Master]
    matching: int
    total: int


class Certificate(Answer):
    """A certificate of a master, by its number in hex digits."""

    number: str
    issued: datetime
    not_after: datetime
    revoked: datetime | None

    @classmethod
    def of_stored(cls, one: StoredCertificate) -> Self:
        """Write one."""
        return cls(number=f"{one.number:x}", issued=one.issued, not_after=one.not_after, revoked=one.revoked)


class Order(Answer):
    """What was asked of a master: read, resend or contact (its meter list); and what became of it."""

    id: str
    kind: str
    state: str
    detail: str
    added: datetime
    changed: datetime
    expires: datetime | None

    @classmethod
    def of_stored(cls, one: StoredCommand) -> Self:
        """Write one."""
        command = one.command
        return cls(
            id=command.id,
            kind=str(command.kind),
            state=str(one.state),
            detail=one.detail,
            added=one.added,
            changed=one.changed,
            expires=command.expires,
        )


class MasterDetail(Answer):
    """A master with its certificates, the one that lapses last first, and the newest orders."""

    master: Master
    certificates: list[Certificate]
    orders: list[Order]
    has_newest_schedules: bool


class Overview(Answer):
    """The fleet at a glance. `alarms` counts open ones that nobody acknowledged, by how bad they are."""

    masters: int
    masters_connected: int
    masters_overdue: int
    masters_never_heard: int
    meters: int
    meters_not_read_for_a_day: int
    readings_waiting_at_masters: int
    day: Day | None
    alarms: dict[str, int]


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["fleet"])
    desk = services.desk

    @routes.get("/overview", responses=declared(503))
    async def get_overview() -> Overview:
        """Give the fleet at a glance."""
        seen = await overview(desk, services.presence.count())
        counts = seen.counts
        return Overview(
            masters=counts.masters,
            masters_connected=seen.connected,
            masters_overdue=counts.silent,
            masters_never_heard=counts.never,
            meters=counts.meters,
            meters_not_read_for_a_day=counts.unread,
            readings_waiting_at_masters=counts.waiting,
            day=_day(None if seen.day is None else seen.day.total),
            alarms={severity.name.lower(): count for severity, count in seen.alarms.items()},
        )

    @routes.get("/masters", responses=declared(503))
    async def get_masters(
        text: Word = "",
        group: Word | None = None,
        overdue: bool = False,
        has_alarm: bool | None = None,
        sort: MasterSort = MasterSort.SERIAL,
        descending: bool = False,
        offset: Offset = 0,
        limit: Limit = 100,
    ) -> Masters:
        """List masters."""
        since = services.now() - await overdue_after(services.store) if overdue else None
        chosen = MasterFilter(text, group, since, has_alarm, sort, descending)
        found = await list_masters(desk, chosen, offset, limit)
        rows = [Master.of_row(row) for row in found.rows]
        return Masters(masters=rows, matching=found.matching, total=found.total)

    @routes.get("/masters/{serial}", responses=declared(404, 503))
    async def get_master(serial: str) -> MasterDetail:
        """Give a master."""
        view = await see_master(desk, serial)
        return MasterDetail(
            master=Master.of_row(view.row),
            certificates=[Certificate.of_stored(one) for one in view.certificates],
            orders=[Order.of_stored(one) for one in view.commands],
            has_newest_schedules=view.has_orders,
        )

    return routes


def _day(count: DayCount | None) -> Day | None:
    return None if count is None else Day(expected=count.expected, received=count.received)
