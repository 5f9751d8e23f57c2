"""What the store knows of readings."""

from dataclasses import dataclass
from datetime import datetime

from mbus.application.datatypes import Value
from mbusheadend.decoding.registers import Register
from mbusheadend.decoding.telegrams import Decoded
from mbusheadend.judging.points import Point
from mbushosting.readings import Outcome

Cursor = tuple[int, int]
"""Where the next page begins."""


@dataclass(frozen=True, slots=True)
class StoredReading:
    """A reading of one meter; times to the millisecond.

    :ivar id: that the master gave it.
    :ivar taken: by the master's clock; `received` by the head-end's.
    :ivar decoder: version of what made `decoded` of the telegrams.
    :ivar telegrams: raw; None where they were given up for their age.
    :ivar decoded: for each telegram what it says.
    """

    id: str
    meter: int
    master: str
    schedule: str
    slot: datetime
    taken: datetime
    received: datetime
    clock: str
    outcome: Outcome
    attempts: int
    baud: int
    remark: str
    decoder: int
    telegrams: tuple[bytes, ...] | None
    decoded: tuple[Decoded, ...]

    def value(self, register: Register) -> Value:
        """Give the value of a register, of the first telegram that has it."""
        for telegram in self.decoded:
            for measured in telegram.values:
                if measured.register == register:
                    return measured.value
        return None


@dataclass(frozen=True, slots=True)
class ReadingPage:
    """Readings in the order in which they were taken; `after` is None on the last page."""

    readings: tuple[StoredReading, ...]
    after: Cursor | None


@dataclass(frozen=True, slots=True)
class SeriesPage:
    """Points of a register in the order of time; `after` is None on the last page."""

    points: tuple[Point, ...]
    after: Cursor | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Slots of a schedule, one after the other, for which there is no sound reading of a meter.

    :ivar first: the first slot, `last` the last one, `slots` how many.
    :ivar outcome: of the last attempt, None where nothing came from the master at all.
    """

    meter: int
    schedule: str
    first: datetime
    last: datetime
    slots: int
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Completeness:
    """Expected against received.

    :ivar received: slots with a sound reading.
    :ivar gaps: of this meter, in the order of time.
    :ivar recalled: slots without a reading for which the meter had stored values itself; they are in no gap.
    """

    meter: int
    expected: int
    received: int
    gaps: tuple[Gap, ...]
    recalled: int = 0


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A reading whose telegrams are of another meter than the one that was asked.

    :ivar body: JSON of `mbushosting.readings.Reading`.
    """

    id: str
    master: str
    received: datetime
    reason: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Redecoded:
    """How far decoding again is.

    :ivar done: readings looked at by this call, `changed` those that now say something else.
    :ivar is_complete: whether none is left.
    """

    done: int
    changed: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Pruned:
    """What retention took away: raw telegrams of so many readings, whole readings, readings of quarantine.

    :ivar is_complete: whether nothing is left of that age.
    """

    raw: int
    readings: int
    quarantined: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Extent:
    """How big the store is.

    :ivar size: in bytes, with what is `unused` in it.
    :ivar newest: when the reading arrived that came last.
    """

    size: int
    unused: int
    newest: datetime | None
