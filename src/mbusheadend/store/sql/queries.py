"""What pages and exports ask about readings."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from mbusheadend.decoding.picking import pick
from mbusheadend.decoding.registers import Register
from mbusheadend.judging.consumption import Consumption, Period, boundaries, consumption
from mbusheadend.judging.points import Point
from mbusheadend.store.readings import (
    Completeness,
    Quarantined,
    ReadingPage,
    SeriesPage,
    StoredReading,
)
from mbusheadend.store.sql.connection import Connection, Database, Row, numbers
from mbusheadend.store.sql.expectations import completeness_of, expected_meters
from mbusheadend.store.sql.found import DAY, Reader
from mbusheadend.store.sql.interned import Readable
from mbusheadend.store.sql.judged import quarantined_of
from mbusheadend.store.sql.moments import moment_of, stored
from mbusheadend.store.sql.rows import find_meter

MAX_PAGE: Final = 10_000
NEIGHBOUR: Final = 62 * DAY
"""How far beyond the ends of a time a point is looked for to interpolate with."""


_LATEST: Final = """
SELECT reading.* FROM meter JOIN reading ON number = latest AND taken = latest_taken AND reading.meter = meter.id
WHERE meter.id IN numbers(?)
"""
_NEWEST: Final = "SELECT * FROM reading WHERE number = ? AND taken = ?"
_CHUNK: Final = 1000


class SqlQueries:
    """See `mbusheadend.store.protocol.Queries`."""

    _database: Database

    async def readings(
        self,
        meter: int,
        since: datetime,
        until: datetime,
        *,
        after: tuple[int, int] | None = None,
        limit: int = 1000,
        with_raw: bool = True,
    ) -> ReadingPage:
        """See the protocol."""
        limit = min(limit, MAX_PAGE)

        def work(connection: Connection) -> ReadingPage:
            reader = Reader(connection)
            rows = list(
                islice(connection.readings_of(meter, stored(since), stored(until), after=after), limit + 1)
            )
            page = tuple(reader.reading(row, with_raw=with_raw) for row in rows[:limit])
            return ReadingPage(page, _cursor(rows[limit - 1]) if len(rows) > limit else None)

        return await self._database.read(work)

    async def series(
        self,
        meter: int,
        register: Register,
        since: datetime,
        until: datetime,
        *,
        after: tuple[int, int] | None = None,
        limit: int = 1000,
    ) -> SeriesPage:
        """See the protocol."""
        limit = min(limit, MAX_PAGE)

        def work(connection: Connection) -> SeriesPage:
            rows = list(
                islice(connection.readings_of(meter, stored(since), stored(until), after=after), limit + 1)
            )
            points = tuple(_points(Reader(connection), rows[:limit], register))
            return SeriesPage(points, _cursor(rows[limit - 1]) if len(rows) > limit else None)

        return await self._database.read(work)

    async def latest(self, meters: Iterable[int]) -> dict[int, StoredReading]:
        """See the protocol."""
        wanted = tuple(meters)

        def work(connection: Connection) -> dict[int, StoredReading]:
            reader = Reader(connection)
            found = {}
            for chunk in _chunks(wanted):
                for row in connection.execute(_LATEST, (numbers(chunk),)):
                    found[row["meter"]] = reader.reading(row)
            return {meter: found[meter] for meter in wanted if meter in found}

        return await self._database.read(work)

    async def registers(self, meter: int) -> tuple[Register, ...]:
        """See the protocol."""

        def work(connection: Connection) -> tuple[Register, ...]:
            latest = find_meter(connection, meter)
            found: dict[Register, None] = {}
            row = connection.execute(_NEWEST, (latest["latest"], latest["latest_taken"])).fetchone()
            if row is not None:
                for telegram in Reader(connection).reading(row, with_raw=False).decoded:
                    found.update(dict.fromkeys(measured.register for measured in telegram.values))
            readable = Readable(connection)
            numbers = connection.execute(
                "SELECT layout FROM meter_layout WHERE meter = ? ORDER BY layout", (meter,)
            )
            for (number,) in numbers.fetchall():
                found.update(dict.fromkeys(field.register for field in readable.layout(number)))
            return tuple(found)

        return await self._database.read(work)

    async def consumption(
        self, meter: int, register: Register, period: Period, zone: str, since: datetime, until: datetime
    ) -> tuple[Consumption, ...]:
        """See the protocol."""
        edges = boundaries(period, zone, since, until)

        def work(connection: Connection) -> tuple[Consumption, ...]:
            reader = Reader(connection)
            first, last = stored(edges[0]), stored(edges[-1])
            before = _first_point(
                reader, connection.readings_of(meter, first - NEIGHBOUR, first, backwards=True), register
            )
            within = _points(reader, connection.readings_of(meter, first, last + 1), register)
            behind = _first_point(reader, connection.readings_of(meter, last + 1, last + NEIGHBOUR), register)
            return consumption((*before, *within, *behind), edges)

        return await self._database.read(work)

    async def completeness(
        self,
        since: datetime,
        until: datetime,
        *,
        serial: str | None = None,
        meters: Iterable[int] | None = None,
    ) -> tuple[Completeness, ...]:
        """See the protocol."""
        chosen = None if meters is None else frozenset(meters)

        def work(connection: Connection) -> tuple[Completeness, ...]:
            found = expected_meters(connection, since, until, serial, chosen)
            return tuple(completeness_of(connection, meter, since, until) for meter in found)

        return await self._database.read(work)

    async def quarantine(self, limit: int = 100) -> tuple[Quarantined, ...]:
        """See the protocol."""
        query = """
            SELECT quarantine.*, serial FROM quarantine JOIN master ON master.id = quarantine.master
            ORDER BY received DESC LIMIT ?
        """
        return await self._database.read(
            lambda connection: tuple(quarantined_of(row) for row in connection.execute(query, (limit,)))
        )


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[begin : begin + _CHUNK] for begin in range(0, len(numbers), _CHUNK))


def _cursor(row: Row) -> tuple[int, int]:
    return row["taken"], row["number"]


def _points(reader: Reader, rows: Iterable[Row], register: Register) -> Iterator[Point]:
    """Give the points of a register: of each reading the first telegram that has it."""
    for row in rows:
        if row["said"]:
            picked = pick(row["said"], reader.readable, (register,))
            value, doubt = picked.values[0], picked.doubts[0]
            if value is not None or doubt is not None:
                yield Point(moment_of(row["taken"]), value, doubt)


def _first_point(reader: Reader, rows: Iterable[Row], register: Register) -> tuple[Point, ...]:
    known = (point for point in _points(reader, rows, register) if point.value is not None)
    return tuple(islice(known, 1))
