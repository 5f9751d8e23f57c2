"""The newest sound reading of each of many meters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mbusheadend.decoding.values import Measured
from mbusheadend.judging.words import status_of
from mbusheadend.store import Meter, Store, StoredReading
from mbusheadend.views.registers import shown_first


@dataclass(frozen=True, slots=True)
class Latest:
    """What a meter said last.

    :ivar reading: None where it never gave a sound one.
    :ivar age: since it was taken, by the head-end's clock.
    :ivar values: of the registers that say most.
    :ivar status: words of the status bytes.
    """

    meter: Meter
    reading: StoredReading | None
    age: timedelta | None
    values: tuple[Measured, ...]
    status: tuple[str, ...]


async def latest_of(
    store: Store, meters: Sequence[Meter], now: datetime, most: int = 3
) -> tuple[Latest, ...]:
    """Give the newest reading of each, in the same order, with at most so many values."""
    readings = await store.latest(meter.id for meter in meters)
    return tuple(_latest(meter, readings.get(meter.id), now, most) for meter in meters)


def _latest(meter: Meter, reading: StoredReading | None, now: datetime, most: int) -> Latest:
    if reading is None:
        return Latest(meter, None, None, (), ())
    known = {one.register: one for telegram in reversed(reading.decoded) for one in reversed(telegram.values)}
    order = [one.register for telegram in reading.decoded for one in telegram.values]
    values = tuple(known[register] for register in shown_first(order, most)) if order else ()
    return Latest(
        meter, reading, max(timedelta(), now - reading.taken), values, tuple(sorted(status_of(reading)))
    )
