"""What can be exported, as a table each: columns, and pages that rows are made of."""

from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol, TypeVar

from mbus.application.status import status_words
from mbusheadend.decoding.naming import is_named, register_name
from mbusheadend.decoding.registers import Register
from mbusheadend.decoding.values import Measured
from mbusheadend.errors import HeadEndError
from mbusheadend.export.columns import Cell, Column, Kind, Row
from mbusheadend.judging.consumption import Consumption, Period, boundaries, cumulates
from mbusheadend.judging.own_time import own_time
from mbusheadend.store import Meter, Store, StoredReading

P = TypeVar("P")
PAGE: Final = 500
"""Readings that are in memory at once."""
MAX_COLUMNS: Final = 1000
"""Registers that a table has side by side."""
_METER: Final = (Column("meter", Kind.TEXT), Column("name", Kind.TEXT))
_READING: Final = (
    *_METER,
    Column("master", Kind.TEXT),
    Column("reading", Kind.TEXT),
    Column("schedule", Kind.TEXT),
    Column("slot", Kind.MOMENT),
    Column("taken", Kind.MOMENT),
    Column("meter_time", Kind.LOCAL),
    Column("received", Kind.MOMENT),
    Column("clock", Kind.TEXT),
    Column("outcome", Kind.TEXT),
    Column("attempts", Kind.WHOLE),
    Column("baud_rate", Kind.WHOLE),
    Column("remark", Kind.TEXT),
)
_VALUE: Final = (
    Column("telegram", Kind.WHOLE),
    Column("access_number", Kind.WHOLE),
    Column("meter_status", Kind.TEXT),
    Column("error", Kind.TEXT),
    Column("register", Kind.TEXT),
    Column("function", Kind.TEXT),
    Column("storage", Kind.WHOLE),
    Column("tariff", Kind.WHOLE),
    Column("subunit", Kind.WHOLE),
    Column("quantity", Kind.TEXT),
    Column("unit", Kind.TEXT),
    Column("modifiers", Kind.TEXT),
    Column("value", Kind.VALUE),
    Column("value_status", Kind.TEXT),
)
_NO_VALUE: Final[Row] = (None,) * 10

Readings = tuple[Meter, tuple[StoredReading, ...]]


class Source(Protocol[P]):
    """A table that is made page by page."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """What is in the rows."""

    @property
    def is_wide(self) -> bool:
        """Whether the columns depend on what is in the store."""

    def pages(self) -> AsyncIterator[P]:
        """Give one page after the other."""

    def rows(self, page: P) -> Iterator[Row]:
        """Make the rows of a page, in whichever thread."""


class _Pages:
    """Readings of meters, one meter after the other, each in the order of time."""

    def __init__(self, store: Store, meters: Collection[Meter], since: datetime, until: datetime) -> None:
        self._store = store
        self._meters = meters
        self._since = since
        self._until = until

    async def pages(self) -> AsyncIterator[Readings]:
        """See `Source`."""
        for meter in self._meters:
            after = None
            while True:
                page = await self._store.readings(
                    meter.id, self._since, self._until, after=after, limit=PAGE, with_raw=False
                )
                if page.readings:
                    yield meter, page.readings
                after = page.after
                if after is None:
                    break


class Values(_Pages):
    """One row per value. A reading without telegrams, and a telegram that was not understood, have a row that says so.

    :param registers: names (`is_named`); all where there are none.
    """

    is_wide: Final = False

    def __init__(
        self,
        store: Store,
        meters: Collection[Meter],
        since: datetime,
        until: datetime,
        registers: Collection[str] = (),
    ) -> None:
        super().__init__(store, meters, since, until)
        self._names = frozenset(registers)
        self._known: dict[Register, Row | None] = {}

    @property
    def columns(self) -> tuple[Column, ...]:
        """See `Source`."""
        return (*_READING, *_VALUE)

    def rows(self, page: Readings) -> Iterator[Row]:
        """See `Source`."""
        meter, readings = page
        for reading in readings:
            front = _front(meter, reading)
            if not reading.decoded:
                yield (*front, None, None, None, None, *_NO_VALUE)
            for number, telegram in enumerate(reading.decoded, 1):
                header = (number, telegram.access_number, _words(telegram.status))
                for measured in telegram.values:
                    words = self._words_of(measured.register)
                    if words is not None:
                        yield (*front, *header, None, *words, measured.value, _doubt(measured))
                if telegram.error:
                    yield (*front, *header, telegram.error, *_NO_VALUE)

    def _words_of(self, register: Register) -> Row | None:
        """Give the cells that describe a register; None where it is not wanted."""
        try:
            return self._known[register]
        except KeyError:
            wanted = not self._names or is_named(register, self._names)
            words = (
                (register_name(register), *register[:6], ", ".join(register.modifiers)) if wanted else None
            )
            # Meters that always send something new must not fill the memory.
            if len(self._known) < MAX_COLUMNS * 10:
                self._known[register] = words
            return words


class Registers(_Pages):
    """One row per reading, and one column per register; `open` gives it."""

    is_wide: Final = True

    def __init__(
        self,
        store: Store,
        meters: Collection[Meter],
        since: datetime,
        until: datetime,
        registers: Collection[Register],
    ) -> None:
        super().__init__(store, meters, since, until)
        self._registers = tuple(registers)

    @classmethod
    async def open(
        cls,
        store: Store,
        meters: Collection[Meter],
        since: datetime,
        until: datetime,
        registers: Collection[str] = (),
    ) -> "Registers":
        """Find the registers that these meters ever had. Raise `HeadEndError` where they are more than `MAX_COLUMNS`."""
        found: dict[Register, None] = {}
        for meter in meters:
            for register in await store.registers(meter.id):
                if not registers or is_named(register, registers):
                    found[register] = None
            if len(found) > MAX_COLUMNS:
                raise HeadEndError(
                    f"these meters have more than {MAX_COLUMNS} different registers: name some, fewer meters, "
                    "or take one row per value"
                )
        return cls(store, meters, since, until, found)

    @property
    def columns(self) -> tuple[Column, ...]:
        """See `Source`."""
        registers = (Column(register_name(register), Kind.VALUE) for register in self._registers)
        return (
            *_READING,
            Column("meter_status", Kind.TEXT),
            Column("value_status", Kind.TEXT),
            Column("error", Kind.TEXT),
            *registers,
        )

    def rows(self, page: Readings) -> Iterator[Row]:
        """See `Source`."""
        meter, readings = page
        for reading in readings:
            values: dict[Register, Cell] = {}
            doubts: dict[str, None] = {}
            for telegram in reading.decoded:
                for measured in telegram.values:
                    values.setdefault(measured.register, measured.value)
                    if measured.status is not None:
                        doubts[f"{register_name(measured.register)}: {measured.status}"] = None
            words = dict.fromkeys(word for one in reading.decoded for word in status_words(one.status or 0))
            errors = dict.fromkeys(one.error for one in reading.decoded if one.error)
            yield (
                *_front(meter, reading),
                ", ".join(words) or None,
                "; ".join(doubts) or None,
                "; ".join(errors) or None,
                *(values.get(register) for register in self._registers),
            )


@dataclass(frozen=True, slots=True)
class Consumed:
    """What was used in each period; the rule stands in `mbusheadend.judging.consumption`.

    Raise `HeadEndError` for a zone that is not known, and for too many periods.

    :ivar zone: of time, in which a day begins.
    :ivar registers: names (`is_named`); where there are none, all that count up.
    """

    store: Store
    meters: Collection[Meter]
    since: datetime
    until: datetime
    period: Period
    zone: str
    registers: Collection[str] = ()

    def __post_init__(self) -> None:
        try:
            boundaries(self.period, self.zone, self.since, self.until)
        except ValueError as error:
            raise HeadEndError(str(error)) from None

    @property
    def is_wide(self) -> bool:
        """See `Source`."""
        return False

    @property
    def columns(self) -> tuple[Column, ...]:
        """See `Source`."""
        return (
            *_METER,
            Column("register", Kind.TEXT),
            Column("unit", Kind.TEXT),
            Column("since", Kind.MOMENT),
            Column("until", Kind.MOMENT),
            Column("amount", Kind.VALUE),
            Column("begin", Kind.VALUE),
            Column("end", Kind.VALUE),
            Column("is_interpolated", Kind.FLAG),
            Column("has_fall", Kind.FLAG),
        )

    async def pages(self) -> AsyncIterator[tuple[Meter, Register, tuple[Consumption, ...]]]:
        """See `Source`."""
        for meter in self.meters:
            for register in await self.store.registers(meter.id):
                if is_named(register, self.registers) if self.registers else cumulates(register):
                    used = await self.store.consumption(
                        meter.id, register, self.period, self.zone, self.since, self.until
                    )
                    yield meter, register, used

    def rows(self, page: tuple[Meter, Register, tuple[Consumption, ...]]) -> Iterator[Row]:
        """See `Source`."""
        meter, register, used = page
        front = (meter.identity, meter.name or None, register_name(register), register.unit or None)
        for one in used:
            numbers = (one.amount, one.begin, one.end)
            yield (*front, one.since, one.until, *map(_plain, numbers), one.is_interpolated, one.has_fall)


def _front(meter: Meter, reading: StoredReading) -> Row:
    return (
        meter.identity,
        meter.name or None,
        reading.master,
        reading.id,
        reading.schedule,
        reading.slot,
        reading.taken,
        own_time(reading.decoded),
        reading.received,
        reading.clock or None,
        reading.outcome.value,
        reading.attempts,
        reading.baud,
        reading.remark or None,
    )


def _words(status: int | None) -> str | None:
    return None if not status else ", ".join(status_words(status))


def _doubt(measured: Measured) -> str | None:
    """Say what is special about one value."""
    return ", ".join((*((measured.status,) if measured.status else ()), *measured.labels)) or None


def _plain(number: Decimal | None) -> Decimal | int | None:
    return int(number) if number is not None and number == number.to_integral_value() else number
