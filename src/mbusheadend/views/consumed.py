"""Consumption in days, weeks, months or years, beside that of an earlier time.

Days are compared with days of the same weekday, right before the time that is shown; weeks, months and years with those of a year
before.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from mbus.application.scaling import EXACT
from mbusheadend.decoding.registers import Register
from mbusheadend.judging.consumption import Consumption, Period, boundaries
from mbusheadend.judging.points import numbers
from mbusheadend.store import Store
from mbusheadend.views.spans import zone_of

MOST: Final = 400
"""Periods at once."""
_WEEKS_OF_A_YEAR: Final = 52


@dataclass(frozen=True, slots=True)
class Compared:
    """What was used in a period, and in the one that it is compared with.

    :ivar before: None where nothing is known of that.
    :ivar so_far: what was used up to the last reading, in a period that is not over.
    """

    used: Consumption
    before: Consumption | None
    so_far: Decimal | None = None

    @property
    def change(self) -> Decimal | None:
        """By how much it rose."""
        if self.used.amount is None or self.before is None or self.before.amount is None:
            return None
        return self.used.amount - self.before.amount

    @property
    def share(self) -> Decimal | None:
        """The same in per cent of the earlier one, rounded to a tenth."""
        if self.change is None or self.before is None or not self.before.amount:
            return None
        share = EXACT.divide(100 * self.change, abs(self.before.amount))
        return EXACT.quantize(share, Decimal("0.1"))


@dataclass(frozen=True, slots=True)
class ConsumedTable:
    """Periods in the order of time.

    :ivar total: of all periods whose consumption is known; None where that is none.
    :ivar total_before: of those that they are compared with, as far as both are known.
    :ivar total_compared: what was used in just those.
    """

    rows: tuple[Compared, ...]
    total: Decimal | None
    total_before: Decimal | None
    total_compared: Decimal | None


async def consumed(
    store: Store, meter: int, register: Register, period: Period, zone: str, since: datetime, until: datetime
) -> ConsumedTable:
    """Give what was used in each period that touches the time, and before.

    Raise `UnknownError`; `ValueError` for a time that is none or too long.
    """
    edges = boundaries(period, zone, since, until)
    if len(edges) - 1 > MOST:
        raise ValueError(f"more than {MOST} periods at once: choose longer ones, or a shorter time")
    await store.meter(meter)
    place = zone_of(zone)
    begins = [edge.astimezone(place).date() for edge in edges]
    back = timedelta(weeks=-(-(len(begins) - 1) // 7) if period is Period.DAY else _WEEKS_OF_A_YEAR)
    first, last = (
        datetime.combine(_counterpart(period, begin, back), time(), place).astimezone(UTC)
        for begin in (begins[0], begins[-1])
    )
    now = await store.consumption(meter, register, period, zone, since, until)
    then = await store.consumption(meter, register, period, zone, first, last)
    known = {one.since.astimezone(place).date(): one for one in then}
    rows = tuple(
        Compared(used, known.get(_counterpart(period, begin, back)))
        for used, begin in zip(now, begins[:-1], strict=True)
    )
    rows = await _with_last(store, meter, register, rows, until)
    both = [row for row in rows if row.change is not None]
    return ConsumedTable(
        rows,
        _sum(row.used.amount for row in rows),
        _sum(row.before.amount for row in both if row.before is not None),
        _sum(row.used.amount for row in both),
    )


async def _with_last(
    store: Store, meter: int, register: Register, rows: tuple[Compared, ...], until: datetime
) -> tuple[Compared, ...]:
    """Say of the period in which the last reading is what was used up to it."""
    for place, row in enumerate(rows):
        used = row.used
        if used.begin is not None and used.amount is None and not used.has_fall:
            end = min(used.until, until)
            known = numbers((await store.series(meter, register, used.since, end, limit=10_000)).points)
            if known and known[-1][1] >= used.begin:
                return (*rows[:place], replace(row, so_far=known[-1][1] - used.begin), *rows[place + 1 :])
    return rows


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None


def _counterpart(period: Period, begin: date, back: timedelta) -> date:
    if period in (Period.DAY, Period.WEEK):
        return begin - back
    return begin.replace(year=begin.year - 1)
