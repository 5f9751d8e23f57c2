"""Readings for the archive, and out of it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from mbusheadend.decoding.telegrams import pack_decoded, pack_telegram
from mbusheadend.store.archiving import ArchiveCursor, ArchivedReading, ArchivePage, Arrivals
from mbusheadend.store.sql.connection import Connection, Database, Row
from mbusheadend.store.sql.found import DAY, Reader
from mbusheadend.store.sql.intake import OUTCOMES, Taker, insert, owner_of
from mbusheadend.store.sql.keys import Keys
from mbusheadend.store.sql.moments import EPOCH, stored
from mbusheadend.store.sql.places import meter_of_identity
from mbusheadend.store.sql.progress import progress_of, put_progress

METERS: Final = 1000
"""That one page looks at: most of them may have nothing in that time."""
_BEHIND: Final = 1 << 60
"""A moment behind all readings of a meter."""
_JOB: Final = "archive"
_LAST_MONTH: Final = 12 * (2200 - 1970)
_STAYS: Final = """
SELECT bus, address, since, until, serial FROM stay JOIN master ON master.id = stay.master WHERE meter = ? ORDER BY since DESC
"""


class SqlArchiving:
    """See `mbusheadend.store.archiving.Archiving`."""

    _database: Database
    _taker: Taker
    _keys: Keys

    async def months(self) -> tuple[datetime, ...]:
        """See the protocol."""
        return await self._database.read(
            lambda connection: tuple(map(_month, _months(connection, 0, _LAST_MONTH)))
        )

    async def count_readings(self, since: datetime, until: datetime) -> int:
        """See the protocol."""
        days = _days(since, until)

        def work(connection: Connection) -> int:
            query = "SELECT count(*) FROM reading WHERE in_days(taken, ?, ?)"
            return int(connection.execute(query, days).fetchone()[0])

        return await self._database.read(work)

    async def readings_by_meter(
        self,
        since: datetime,
        until: datetime,
        *,
        after: ArchiveCursor | None = None,
        limit: int = 2000,
        with_telegrams: bool = True,
    ) -> ArchivePage:
        """See the protocol."""
        span = stored(since), stored(until)

        def work(connection: Connection) -> ArchivePage:
            giver = _Giver(connection, with_telegrams=with_telegrams)
            readings: list[ArchivedReading] = []
            meters = _meters(connection, after)
            for number, identity in meters:
                begin = after[1:] if after is not None and after[0] == identity else None
                rows = list(islice(connection.readings_of(number, *span, after=begin), limit - len(readings)))
                readings.extend(giver.readings(number, identity, rows))
                if len(readings) == limit:
                    return ArchivePage(tuple(readings), (identity, rows[-1]["taken"], rows[-1]["number"]))
            end = (meters[-1][1], _BEHIND, 0) if len(meters) >= METERS else None
            return ArchivePage(tuple(readings), end)

        return await self._database.read(work)

    async def arrivals(self, after: int, until: datetime, since: datetime, limit: int = 5000) -> Arrivals:
        """See the protocol."""
        end, begin = stored(until), stored(since)

        def work(connection: Connection) -> Arrivals:
            query = "SELECT number, taken FROM reading WHERE number > ? ORDER BY number LIMIT ?"
            rows = connection.execute(query, (after, limit)).fetchall()
            giver = _Giver(connection)
            readings = [
                giver.numbered(row["number"], row["taken"])
                for row in rows
                if row["taken"] < end or row["taken"] >= begin
            ]
            return Arrivals(tuple(readings), rows[-1]["number"] if rows else after, len(rows) < limit)

        return await self._database.read(work)

    async def archive_position(self) -> int:
        """See the protocol."""
        return await self._database.read(lambda connection: progress_of(connection, _JOB))

    async def set_archive_position(self, number: int) -> None:
        """See the protocol."""
        await self._database.write(lambda connection: put_progress(connection, _JOB, number))

    async def put_back(self, readings: Iterable[ArchivedReading], now: datetime) -> int:
        """See the protocol."""
        pieces = tuple(readings)
        arrived = stored(now)

        def work(connection: Connection) -> int:
            new = {one.reading.id: one for one in pieces}
            for id, one in tuple(new.items()):
                if owner_of(connection, bytes.fromhex(id), stored(one.reading.taken)) is not None:
                    del new[id]
            first = connection.numbers_for(len(new)) if new else 0
            rows = [
                self._row(connection, one, number, arrived) for number, one in enumerate(new.values(), first)
            ]
            insert(connection, rows, arrived)
            return len(rows)

        return await self._database.write(work)

    def _row(self, connection: Connection, one: ArchivedReading, number: int, now: int) -> tuple[Any, ...]:
        reading, words = one.reading, self._taker.words
        taken = stored(reading.taken)
        meter, _ = meter_of_identity(connection, one.identity, min(taken, now))
        frames = reading.telegrams
        return (
            number,
            bytes.fromhex(reading.id),
            _master(connection, reading.master, min(taken, now)),
            meter,
            taken,
            stored(reading.slot) - taken,
            stored(reading.received) - taken,
            words.number(connection, reading.schedule),
            words.number(connection, reading.clock),
            OUTCOMES.index(reading.outcome),
            reading.attempts,
            reading.baud,
            reading.remark or None,
            reading.decoder,
            self._taker.bases.pack(connection, meter, frames, number) if frames else None,
            self._said(connection, meter, one),
        )

    def _said(self, connection: Connection, meter: int, one: ArchivedReading) -> bytes | None:
        """Decode again what is there raw, and keep what was said where that fails now and did not then."""
        if not one.reading.decoded:
            return None
        layouts = self._taker.layouts
        layouts.begin(connection, meter)
        key = self._keys.key_if_it_opens(connection, meter)
        packed = bytearray()
        for place, decoded in enumerate(one.reading.decoded):
            begin = len(packed)
            frames = one.reading.telegrams
            if frames is None or not (pack_telegram(frames[place], key, layouts, packed) or decoded.error):
                del packed[begin:]
                pack_decoded(decoded, layouts, packed)
        return bytes(packed)


class _Giver:
    """Gives rows of readings with whose they are and where that was. Within one transaction."""

    def __init__(self, connection: Connection, *, with_telegrams: bool = True) -> None:
        self._connection = connection
        self._reader = Reader(connection)
        self._with_telegrams = with_telegrams
        self._identities: dict[int, str] = {}
        self._stays: dict[int, list[Row]] = {}

    def readings(self, meter: int, identity: str, rows: Sequence[Row]) -> Iterator[ArchivedReading]:
        """Give readings of a meter."""
        stays = self._connection.execute(_STAYS, (meter,)).fetchall() if rows else []
        for row in rows:
            yield self._given(row, identity, stays)

    def numbered(self, number: int, taken: int) -> ArchivedReading:
        """Give one reading."""
        query = "SELECT * FROM reading WHERE number = ? AND taken = ?"
        row = self._connection.execute(query, (number, taken)).fetchone()
        meter = row["meter"]
        if meter not in self._stays:
            found = self._connection.execute("SELECT identity FROM meter WHERE id = ?", (meter,)).fetchone()
            self._identities[meter] = found["identity"]
            self._stays[meter] = self._connection.execute(_STAYS, (meter,)).fetchall()
        return self._given(row, self._identities[meter], self._stays[meter])

    def _given(self, row: Row, identity: str, stays: Sequence[Row]) -> ArchivedReading:
        reading = (
            self._reader.reading(row)
            if self._with_telegrams
            else self._reader.reading(_Bare(row), with_raw=False)
        )
        place = _place(stays, row["taken"], reading.master)
        return ArchivedReading(identity, *place, reading)


class _Bare:
    """A row without what was said."""

    def __init__(self, row: Row) -> None:
        self._row = row

    def __getitem__(self, key: Any) -> Any:
        return None if key == "said" else self._row[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._row)


def _place(stays: Sequence[Row], taken: int, serial: str) -> tuple[str, str]:
    """Give bus and address at which a meter was then; where a master listed it later only, those of that."""
    there = [stay for stay in stays if stay["serial"] == serial]
    for stay in there:
        if stay["since"] <= taken and (stay["until"] is None or taken < stay["until"]):
            return stay["bus"], stay["address"]
    return (there[-1]["bus"], there[-1]["address"]) if there else ("", "")


def _meters(connection: Connection, after: ArchiveCursor | None) -> list[tuple[int, str]]:
    """Give the next meters by identity, beginning with that of the cursor itself."""
    where, parameters = ("", ()) if after is None else ("WHERE identity >= ?", (after[0],))
    rows = connection.execute(
        f"SELECT id, identity FROM meter {where} ORDER BY identity LIMIT {METERS}",  # noqa: S608 - constants
        parameters,
    )
    return [(row["id"], row["identity"]) for row in rows]


def _master(connection: Connection, serial: str, now: int) -> int:
    """Give the number of a master, also of a removed one; one that is not known is added as removed."""
    row = connection.execute("SELECT id FROM master WHERE serial = ?", (serial,)).fetchone()
    if row is None:
        statement = "INSERT INTO master (serial, enrolled, removed) VALUES (?, ?, ?) RETURNING id"
        row = connection.execute(statement, (serial, now, now)).fetchone()
    return int(row["id"])


def _days(since: datetime, until: datetime) -> tuple[int, int]:
    return stored(since) // DAY, (stored(until) - 1) // DAY


def _month(number: int) -> datetime:
    """Give the begin of a month, counted from January 1970."""
    return EPOCH.replace(year=1970 + number // 12, month=number % 12 + 1)


def _months(connection: Connection, first: int, end: int) -> Iterator[int]:
    """Give the months in which a reading was taken: halves without any are not looked into."""
    days = _days(_month(first), _month(end))
    query = "SELECT 1 FROM reading WHERE in_days(taken, ?, ?) LIMIT 1"
    if connection.execute(query, days).fetchone() is None:
        return
    if end - first == 1:
        yield first
        return
    middle = (first + end) // 2
    yield from _months(connection, first, middle)
    yield from _months(connection, middle, end)
