"""What an operator wants to know at first sight: who is missing, what came, what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from mbusheadend.alarms.kinds import Severity
from mbusheadend.fleet.day import DayView
from mbusheadend.fleet.desk import Desk
from mbusheadend.fleet.enrolling import is_usable
from mbusheadend.fleet.masters import MasterRow, list_masters, overdue_after
from mbusheadend.store.browsing import Arrival, FleetCounts, MasterFilter, MasterSort

UNREAD: Final = timedelta(days=1)
"""A meter without a sound reading for so long should be looked at."""
MOST_SILENT: Final = 5
MOST_ARRIVALS: Final = 8


class Step(StrEnum):
    """What to do next where something is missing for readings to come."""

    MAKE_TOKEN = "make a token"  # noqa: S105 - names a deed
    ENROL = "enrol"
    """Take the token to a master."""
    FIND_METERS = "find meters"
    MAKE_SCHEDULE = "make a schedule"
    WAIT = "wait"
    """For the first reading."""


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it.

    :ivar connected: masters to which an order gets within a moment.
    :ivar day: None until it was counted.
    :ivar alarms: open ones that nobody acknowledged.
    :ivar silent: the first of the masters that should have called.
    :ivar step: None where readings come.
    """

    counts: FleetCounts
    connected: int
    day: DayView | None
    alarms: Mapping[Severity, int]
    silent: tuple[MasterRow, ...]
    arrivals: tuple[Arrival, ...]
    step: Step | None

    @property
    def calling(self) -> int:
        """How many masters call as they should."""
        return self.counts.masters - self.counts.never - self.counts.silent


async def overview(desk: Desk, connected: int) -> Overview:
    """Look at everything. Raise `StoreError`.

    :param connected: masters to which an order gets within a moment.
    """
    now = desk.now()
    heard_since = now - await overdue_after(desk.store)
    counts = await desk.store.count_fleet(heard_since, now - UNREAD)
    silent: tuple[MasterRow, ...] = ()
    if counts.silent or counts.never:
        chosen = MasterFilter(silent_since=heard_since, sort=MasterSort.CONTACT, descending=True)
        silent = (await list_masters(desk, chosen, limit=MOST_SILENT)).rows
    arrivals = await desk.store.newest_arrivals(MOST_ARRIVALS)
    return Overview(
        counts,
        connected,
        await desk.day.glance(),
        await desk.store.count_alarms(),
        silent,
        arrivals,
        await _step(desk, counts, has_readings=bool(arrivals)),
    )


async def _step(desk: Desk, counts: FleetCounts, *, has_readings: bool) -> Step | None:
    now = desk.now()
    if not counts.masters and not has_readings:
        tokens = await desk.store.tokens()
        return Step.ENROL if any(is_usable(token, now) for token in tokens) else Step.MAKE_TOKEN
    if not counts.meters:
        return Step.FIND_METERS
    if counts.masters and not await desk.store.schedules():
        return Step.MAKE_SCHEDULE
    return None if has_readings else Step.WAIT
