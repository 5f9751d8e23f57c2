"""What plots and overviews ask."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from mbusheadend.decoding.picking import pick
from mbusheadend.decoding.registers import Register
from mbusheadend.store.readings import Cursor, ReadingPage
from mbusheadend.store.sql.connection import Connection, Database, Row
from mbusheadend.store.sql.expectations import counts_of, expected_meters
from mbusheadend.store.sql.found import Reader
from mbusheadend.store.sql.moments import moment_of, stored
from mbusheadend.store.viewing import Count, Track, TrackPage

MAX_TRACKS: Final = 20_000


class SqlViewing:
    """See `mbusheadend.store.viewing.Viewing`."""

    _database: Database

    async def tracks(
        self,
        meter: int,
        registers: Sequence[Register],
        since: datetime,
        until: datetime,
        *,
        after: Cursor | None = None,
        limit: int = 10_000,
    ) -> TrackPage:
        """See the protocol."""
        wanted, limit = tuple(registers), min(limit, MAX_TRACKS)

        def work(connection: Connection) -> TrackPage:
            reader = Reader(connection)
            rows = list(
                islice(connection.readings_of(meter, stored(since), stored(until), after=after), limit + 1)
            )
            page = tuple(_track(reader, row, wanted) for row in rows[:limit] if row["said"])
            last = rows[limit - 1] if len(rows) > limit else None
            return TrackPage(page, None if last is None else (last["taken"], last["number"]))

        return await self._database.read(work)

    async def readings_back(
        self,
        meter: int,
        since: datetime,
        until: datetime,
        *,
        before: Cursor | None = None,
        limit: int = 100,
        with_raw: bool = False,
    ) -> ReadingPage:
        """See the protocol."""
        begin, limit = stored(since), min(limit, MAX_TRACKS)
        end = stored(until) if before is None else min(stored(until), before[0] + 1)

        def work(connection: Connection) -> ReadingPage:
            reader = Reader(connection)
            found = (
                row
                for row in connection.readings_of(meter, begin, end, backwards=True)
                if before is None or (row["taken"], row["number"]) < before
            )
            rows = list(islice(found, limit + 1))
            page = tuple(reader.reading(row, with_raw=with_raw) for row in rows[:limit])
            last = rows[limit - 1] if len(rows) > limit else None
            return ReadingPage(page, None if last is None else (last["taken"], last["number"]))

        return await self._database.read(work)

    async def counts(
        self, edges: Sequence[datetime], *, serial: str | None = None, meters: Iterable[int] | None = None
    ) -> Mapping[int, tuple[Count, ...]]:
        """See the protocol."""
        chosen = None if meters is None else frozenset(meters)

        def work(connection: Connection) -> Mapping[int, tuple[Count, ...]]:
            return {
                meter: counts_of(connection, meter, edges)
                for meter in expected_meters(connection, edges[0], edges[-1], serial, chosen)
            }

        return await self._database.read(work)


def _track(reader: Reader, row: Row, registers: tuple[Register, ...]) -> Track:
    picked = pick(row["said"], reader.readable, registers)
    return Track(moment_of(row["taken"]), reader.word(row["clock"]), *picked)
