"""What is due of one schedule: no slot twice, and of those that were missed at most the newest one.

Slots that were begun are kept as runs, from the first to the last of consecutive ones, so that years of them fit into a line, and
a clock that is set back does not bring them again. A clock that was ahead for a while leaves a run there and nothing else: the
time in between is read as it comes.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from mbushosting.schedules import Missed, Schedule
from mbushosting.slots import newest_slot, next_slot

GRACE: Final = timedelta(minutes=1)
"""A slot that is no older was not missed."""
MOST_RUNS: Final = 100
"""The oldest are forgotten; there is a new one only where slots were missed or the clock was set."""

Run = tuple[datetime, datetime]


@dataclass(slots=True)
class Plan:
    """A schedule in force.

    :ivar checked: what is to be thought of every slot up to then is settled.
    :ivar slot: of the round that was begun and is not finished; None between rounds.
    :ivar first: row of the outbox behind which its readings are.
    :ivar runs: slots that were begun, in the order of beginning.
    """

    schedule: Schedule
    checked: datetime
    slot: datetime | None = None
    first: int = 0
    runs: list[Run] = field(default_factory=list)

    def due(self, now: datetime) -> datetime | None:
        """Give the slot that must be begun now, which may be one to make up; raise `UnknownZoneError`."""
        slot = newest_slot(self.schedule.rule, min(self.checked, now), now)
        if slot is None or any(first <= slot <= last for first, last in self.runs):
            return None
        if self.schedule.missed is Missed.SKIP and now - slot > GRACE:
            return None
        return slot

    def next_at(self, now: datetime) -> datetime | None:
        """Tell when the next slot comes; raise `UnknownZoneError`."""
        return next_slot(self.schedule.rule, now)

    def begin(self, slot: datetime) -> Run | None:
        """Note that a slot is begun; give the run that is forgotten for it, None where there is room."""
        self.slot = slot
        if self.runs and next_slot(self.schedule.rule, self.runs[-1][1]) == slot:
            self.runs[-1] = self.runs[-1][0], slot
            return None
        self.runs.append((slot, slot))
        return self.runs.pop(0) if len(self.runs) > MOST_RUNS else None
