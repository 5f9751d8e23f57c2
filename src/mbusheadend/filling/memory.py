"""Values that a meter has stored itself, with the times that they are of.

A storage number whose date stands in the telegram holds what the registers were at that date. The meter tells its own time,
without a zone: what that is ahead of UTC is taken from its clock, and must be the same before the gap and now, else a change of
summer time lies between and nobody knows which side the stamp is on.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from mbus.application.datatypes import Value
from mbusheadend.decoding.registers import Register
from mbusheadend.judging.own_time import own_time
from mbusheadend.store.readings import StoredReading

QUARTER: Final = timedelta(minutes=15)
CLOCK_ERROR: Final = timedelta(minutes=3)
"""That the meter's clock may be wrong: with more its stamps say nothing."""
NEAR: Final = timedelta(minutes=1)
"""Some meters say 23:59 of midnight."""
A_DAY: Final = timedelta(hours=23)
"""Between slots of which there is one a day, also on the day on which summer time begins."""
DATES: Final = frozenset({"date", "date_time"})


@dataclass(frozen=True, slots=True)
class Memory:
    """What the registers were at a time of the meter's clock.

    :ivar stamp: a date where the meter says no time of day.
    :ivar values: by the registers as they are without the storage number.
    """

    storage: int
    stamp: datetime | date
    values: tuple[tuple[Register, Value], ...]

    @property
    def is_by_day(self) -> bool:
        """Whether only the day is known."""
        return not isinstance(self.stamp, datetime)

    def is_of(self, slot: datetime, ahead: timedelta, distance: timedelta) -> bool:
        """Tell whether it is of a slot, where the meter is so far ahead of UTC, and the next slot so far from this one."""
        local = (slot + ahead).replace(tzinfo=None)
        if isinstance(self.stamp, datetime):
            return abs(self.stamp - local) <= NEAR
        return self.stamp == local.date() and distance >= A_DAY


def ahead_of_utc(reading: StoredReading) -> timedelta | None:
    """Tell how far the meter's zone is ahead of UTC by its clock, in whole quarters; None where its clock says nothing sound."""
    own = own_time(reading.decoded)
    if own is None:
        return None
    ahead = own.replace(tzinfo=UTC) - reading.taken
    zone = round(ahead / QUARTER) * QUARTER
    return zone if abs(ahead - zone) <= CLOCK_ERROR and abs(zone) <= timedelta(hours=14) else None


def memories_of(reading: StoredReading) -> Iterator[Memory]:
    """Give what a reading says of earlier times."""
    stamps: dict[int, set[datetime | date]] = {}
    values: dict[int, dict[Register, Value]] = {}
    for telegram in reading.decoded:
        for register, value, status, _ in telegram.values:
            if register.function != "instantaneous" or value is None or status is not None:
                continue
            if register.quantity not in DATES:
                values.setdefault(register.storage, {}).setdefault(register._replace(storage=0), value)
            elif register.storage and not register.modifiers and isinstance(value, str):
                stamps.setdefault(register.storage, set()).update(_stamp(value))
    present = values.get(0, {})
    for storage, found in sorted(stamps.items()):
        there = tuple(pair for pair in values.get(storage, {}).items() if pair[0] in present)
        if len(found) == 1 and there:
            yield Memory(storage, found.pop(), there)


def _stamp(text: str) -> Iterable[datetime | date]:
    """Read a stamp; one that leaves the year or the month open says nothing."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ()
    return (moment.date() if len(text) == len("2000-01-01") else moment.replace(tzinfo=None),)
