"""What judging asks of the file: readings in the order in which they came, and what is remembered of meters."""

import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from mbusheadend.alarms.alarm import AlarmKey, Raised
from mbusheadend.store.enrolling import StoredCertificate
from mbusheadend.store.fleet import Place
from mbusheadend.store.readings import Quarantined, StoredReading
from mbusheadend.store.sql.alarms import note
from mbusheadend.store.sql.connection import Connection, Database, Row, numbers
from mbusheadend.store.sql.enrolment import certificate_of
from mbusheadend.store.sql.found import Reader
from mbusheadend.store.sql.moments import moment_of, stored
from mbusheadend.store.sql.progress import progress_of, put_progress
from mbusheadend.store.watching import Arrived, Exchange

_JOB: Final = "judge"
_STRUCTURE_BITS: Final = 0x03
"""Of a status: they mean something else in the old fixed structure, which only the raw telegram tells."""
_EXCHANGES: Final = """
SELECT new.id, serial, new.bus, new.address, old_meter.identity AS before, new.meter, new_meter.identity, new.since
FROM stay AS new JOIN stay AS old ON old.master = new.master AND old.bus = new.bus AND old.address = new.address
    AND old.until <= new.since AND old.meter != new.meter
JOIN meter AS old_meter ON old_meter.id = old.meter JOIN meter AS new_meter ON new_meter.id = new.meter
JOIN master ON master.id = new.master
WHERE new.id > ?1 AND new.id <= ?2 AND instr(old_meter.identity, '/') = 0
    AND old.id = (SELECT id FROM stay WHERE master = new.master AND bus = new.bus AND address = new.address
        AND id < new.id ORDER BY id DESC LIMIT 1)
ORDER BY new.id
"""
"""What stood for the place only, until the meter there said who it is, was no meter before it."""
_NEWEST_CERTIFICATES: Final = """
SELECT certificate.* FROM certificate JOIN master USING (serial)
WHERE revoked IS NULL AND removed IS NULL ORDER BY not_after
"""


class SqlJudging:
    """See `mbusheadend.store.watching.Judging`."""

    _database: Database

    async def arrived(self, limit: int = 1000) -> Arrived:
        """See the protocol."""

        def work(connection: Connection) -> Arrived:
            begin = _position(connection)
            rows = connection.execute(
                "SELECT * FROM reading WHERE number > ? ORDER BY number LIMIT ?", (begin, limit)
            ).fetchall()
            reader = Reader(connection)
            readings = tuple(_reading(reader, row) for row in rows)
            identities = connection.execute(
                "SELECT id, identity FROM meter WHERE id IN numbers(?)",
                (numbers({reading.meter for reading in readings}),),
            )
            end = rows[-1]["number"] if rows else begin
            return Arrived(begin, end, readings, {row["id"]: row["identity"] for row in identities})

        return await self._database.read(work)

    async def judged_states(self, meters: Iterable[int]) -> Mapping[int, str]:
        """See the protocol."""
        wanted = numbers(meters)
        query = "SELECT meter, state FROM judged WHERE meter IN numbers(?)"
        rows = await self._database.read(lambda connection: connection.execute(query, (wanted,)).fetchall())
        return {row["meter"]: row["state"] for row in rows}

    async def put_judged(
        self,
        begin: int,
        end: int,
        states: Mapping[int, str],
        raised: Iterable[Raised],
        cleared: Iterable[AlarmKey],
        now: datetime,
    ) -> bool:
        """See the protocol."""
        begun, ended = tuple(raised), tuple(cleared)

        def work(connection: Connection) -> bool:
            if _position(connection) != begin:
                return False
            put_progress(connection, _JOB, end)
            # A meter that was deleted meanwhile is not remembered.
            connection.executemany(
                "INSERT INTO judged (meter, state) SELECT id, ?2 FROM meter WHERE id = ?1"
                " ON CONFLICT (meter) DO UPDATE SET state = excluded.state",
                states.items(),
            )
            note(connection, begun, ended, stored(now))
            return True

        return await self._database.write(work)

    async def exchanges(self, after: int, limit: int = 1000) -> tuple[tuple[Exchange, ...], int]:
        """See the protocol."""

        def work(connection: Connection) -> tuple[tuple[Exchange, ...], int]:
            last = connection.execute(
                "SELECT max(id) FROM (SELECT id FROM stay WHERE id > ? ORDER BY id LIMIT ?) AS next",
                (after, limit),
            ).fetchone()[0]
            if last is None:
                return (), after
            rows = connection.execute(_EXCHANGES, (after, last)).fetchall()
            return tuple(_exchange(row) for row in rows), last

        return await self._database.read(work)

    async def quarantined_since(self, since: datetime, limit: int = 1000) -> tuple[Quarantined, ...]:
        """See the protocol."""
        query = """
            SELECT quarantine.*, serial FROM quarantine JOIN master ON master.id = quarantine.master
            WHERE received >= ? ORDER BY received, quarantine.id LIMIT ?
        """

        def work(connection: Connection) -> tuple[Quarantined, ...]:
            rows = connection.execute(query, (stored(since), limit))
            return tuple(quarantined_of(row) for row in rows)

        return await self._database.read(work)

    async def newest_certificates(self) -> Mapping[str, StoredCertificate]:
        """See the protocol."""
        rows = await self._database.read(
            lambda connection: connection.execute(_NEWEST_CERTIFICATES).fetchall()
        )
        return {row["serial"]: certificate_of(row) for row in rows}

    async def read_note(self, name: str) -> str | None:
        """See the protocol."""
        row = await self._database.read(
            lambda connection: connection.execute("SELECT body FROM note WHERE name = ?", (name,)).fetchone()
        )
        return None if row is None else row["body"]

    async def write_note(self, name: str, body: str) -> None:
        """See the protocol."""
        await self._database.write(
            lambda connection: (
                connection.execute(
                    "INSERT INTO note (name, body) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET body = ?2",
                    (name, body),
                ).rowcount
            )
        )


def quarantined_of(row: Row) -> Quarantined:
    """Read a row of `quarantine` with the serial number of its master."""
    body = zlib.decompress(row["body"])
    return Quarantined(row["id"].hex(), row["serial"], moment_of(row["received"]), row["reason"], body)


def _position(connection: Connection) -> int:
    return progress_of(connection, _JOB)


def _reading(reader: Reader, row: Row) -> StoredReading:
    reading = reader.reading(row, with_raw=False)
    if any((one.status or 0) & _STRUCTURE_BITS for one in reading.decoded):
        return reader.reading(row)
    return reading


def _exchange(row: Row) -> Exchange:
    place = Place(row["serial"], row["bus"], row["address"])
    return Exchange(row["id"], place, row["before"], row["meter"], row["identity"], moment_of(row["since"]))
