"""How complete readings are: of a meter with its gaps, of the meters of a master, of all masters; by day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mbusheadend.filling.gaps import GapFill
from mbusheadend.judging.consumption import Period, boundaries
from mbusheadend.store import Gap, Master, Meter, Store
from mbusheadend.store.viewing import Count

MOST_DAYS: Final = 400
GRACE: Final = timedelta(minutes=15)
"""For so long after its slot a reading is on its way and not missing."""


@dataclass(frozen=True, slots=True)
class Complete:
    """How much of what was expected came.

    :ivar days: between each two edges of the table that it is in.
    """

    days: tuple[Count, ...]

    @property
    def total(self) -> Count:
        """Of all days."""
        return added(self.days)


@dataclass(frozen=True, slots=True)
class MeterGap:
    """A gap, and how far its filling is; None where nobody tries."""

    gap: Gap
    fill: GapFill | None


@dataclass(frozen=True, slots=True)
class CompleteTable:
    """Completeness of some masters, or of some meters.

    :ivar edges: midnights in UTC: of each day the first, and that behind the last.
    """

    edges: tuple[datetime, ...]
    masters: tuple[tuple[Master, Complete], ...] = ()
    meters: tuple[tuple[Meter, Complete], ...] = ()


def share(count: Count) -> float | None:
    """Give received as a share of expected, 0 to 1; None where nothing was expected."""
    return count.received / count.expected if count.expected else None


def added(counts: Iterable[Count]) -> Count:
    """Add counts up."""
    expected = received = recalled = 0
    for one in counts:
        expected, received, recalled = (
            expected + one.expected,
            received + one.received,
            recalled + one.recalled,
        )
    return Count(expected, received, recalled)


def days_of(since: datetime, until: datetime, zone: str) -> tuple[datetime, ...]:
    """Give the edges of days that touch a time, the last one cut at its end: slots to come are no gaps. Raise `ValueError`."""
    edges = boundaries(Period.DAY, zone, since, until)
    if len(edges) - 1 > MOST_DAYS:
        raise ValueError(f"more than {MOST_DAYS} days at once")
    return (*edges[:-1], min(edges[-1], until))


async def masters_complete(
    store: Store, masters: Sequence[Master], edges: tuple[datetime, ...]
) -> CompleteTable:
    """Give of each of these masters how complete its meters are together."""
    rows = []
    for master in masters:
        counts = await store.counts(edges, serial=master.serial)
        days = (
            tuple(added(column) for column in zip(*counts.values(), strict=True))
            if counts
            else _nothing(edges)
        )
        rows.append((master, Complete(days)))
    return CompleteTable(edges, masters=tuple(rows))


async def meters_complete(
    store: Store, meters: Sequence[Meter], edges: tuple[datetime, ...]
) -> CompleteTable:
    """Give of each of these meters how complete it is, in the same order."""
    counts = await store.counts(edges, meters=[meter.id for meter in meters])
    return CompleteTable(
        edges, meters=tuple((meter, Complete(counts.get(meter.id, _nothing(edges)))) for meter in meters)
    )


async def gaps_of(store: Store, meter: int, since: datetime, until: datetime) -> tuple[MeterGap, ...]:
    """Give the gaps of a meter, the newest first."""
    found = await store.completeness(since, until, meters=(meter,))
    fills: Mapping[tuple[str, datetime], GapFill] = {
        (fill.schedule, fill.first): fill for fill in await store.fills(meter=meter)
    }
    gaps = (gap for one in found for gap in one.gaps)
    return tuple(
        MeterGap(gap, fills.get((gap.schedule, gap.first)))
        for gap in sorted(gaps, key=lambda gap: gap.first, reverse=True)
    )


def _nothing(edges: Sequence[datetime]) -> tuple[Count, ...]:
    return (Count(0, 0, 0),) * (len(edges) - 1)
