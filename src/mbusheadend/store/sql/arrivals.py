"""What ought to come and what came, over the whole fleet, in the file."""

from datetime import datetime
from typing import Final

from mbusheadend.store.browsing import Arrival, Came, CommandReading, Expected
from mbusheadend.store.fleet import StoredCommand
from mbusheadend.store.sql.connection import Connection, Database, Row, numbers
from mbusheadend.store.sql.expectations import slots_of_rule
from mbusheadend.store.sql.found import DAY, Reader
from mbusheadend.store.sql.intake import OUTCOMES
from mbusheadend.store.sql.moments import moment_of, stored
from mbusheadend.store.sql.wanted import command_of
from mbushosting.readings import Outcome

_OK: Final = OUTCOMES.index(Outcome.OK)
_EXPECTED: Final = """
SELECT serial, schedule, rule, greatest(since, :since) AS begin, least(coalesce(until, :until), :until) AS finish,
    count(*) AS meters
FROM expectation JOIN master ON master.id = expectation.master
WHERE since < :until AND (until IS NULL OR until > :since) AND master.removed IS NULL
GROUP BY serial, schedule, rule, begin, finish
"""
_CAME: Final = """
SELECT serial, word.text AS schedule, came.at, came.readings FROM (
    SELECT master, schedule, taken + slot AS at, count(*) AS readings FROM reading
    WHERE number > :after AND number <= :last AND outcome = :ok AND taken + slot >= :since GROUP BY master, schedule, at
) AS came JOIN master ON master.id = came.master JOIN word ON word.id = came.schedule
"""


class SqlArrivals:
    """See `mbusheadend.store.browsing.Browsing`."""

    _database: Database

    async def expected(self, since: datetime, until: datetime) -> tuple[Expected, ...]:
        """See the protocol."""
        values = {"since": stored(since), "until": stored(until)}

        def work(connection: Connection) -> tuple[Expected, ...]:
            rows = connection.execute(_EXPECTED, values).fetchall()
            return tuple(_expected(row) for row in rows)

        return await self._database.read(work)

    async def number_at(self, moment: datetime) -> int:
        """See the protocol."""
        wanted = stored(moment)

        return await self._database.read(lambda connection: number_before(connection, wanted))

    async def came(self, after: int, since: datetime, limit: int = 50_000) -> tuple[tuple[Came, ...], int]:
        """See the protocol."""

        def work(connection: Connection) -> tuple[tuple[Came, ...], int]:
            newest = connection.execute("SELECT coalesce(max(number), 0) FROM reading").fetchone()[0]
            last = max(after, min(newest, after + limit))
            values = {"after": after, "last": last, "ok": _OK, "since": stored(since)}
            rows = connection.execute(_CAME, values).fetchall() if last > after else ()
            found = (
                Came(row["serial"], row["schedule"], moment_of(row["at"]), row["readings"]) for row in rows
            )
            return tuple(found), last

        return await self._database.read(work)

    async def newest_arrivals(self, limit: int = 10) -> tuple[Arrival, ...]:
        """See the protocol."""
        query = """
            SELECT reading.*, identity, meter.name AS meter_name, master.name AS master_name FROM reading
            JOIN meter ON meter.id = reading.meter JOIN master ON master.id = reading.master
            ORDER BY number DESC LIMIT ?
        """

        def work(connection: Connection) -> tuple[Arrival, ...]:
            reader = Reader(connection)
            return tuple(
                Arrival(
                    row["number"],
                    reader.reading(row, with_raw=False),
                    row["identity"],
                    row["meter_name"],
                    row["master_name"],
                )
                for row in connection.execute(query, (limit,)).fetchall()
            )

        return await self._database.read(work)

    async def command_everywhere(self, id: str) -> tuple[StoredCommand, ...]:
        """See the protocol."""
        query = """
            SELECT command.*, serial FROM command JOIN master ON master.id = command.master
            WHERE command.id = ? ORDER BY serial
        """
        return await self._database.read(
            lambda connection: tuple(
                command_of(row["serial"], row) for row in connection.execute(query, (id,))
            )
        )

    async def brought(self, serial: str, command: str, since: datetime) -> tuple[CommandReading, ...]:
        """See the protocol."""
        begin = stored(since)

        def work(connection: Connection) -> tuple[CommandReading, ...]:
            row = connection.execute("SELECT id FROM word WHERE text = ?", (command,)).fetchone()
            if row is None:
                return ()
            # The clock of a master may be behind; its meters bound what is looked at.
            meters = _meters_of(connection, serial)
            rows = connection.execute(
                "SELECT meter, outcome, taken, remark FROM reading WHERE in_days(taken, ?, ?)"
                " AND meter IN numbers(?) AND schedule = ? ORDER BY taken, number",
                (begin // DAY - 1, begin // DAY + 8, meters, row["id"]),
            )
            last = {one["meter"]: one for one in rows}
            return tuple(_brought(one) for one in last.values())

        return await self._database.read(work)


def number_before(connection: Connection, moment: int) -> int:
    """Give the number of the last reading that came before a moment, 0 where there is none.

    Readings are numbered as they come, so the time of coming can be searched for.
    """
    ends = connection.execute("SELECT coalesce(min(number), 1) - 1, coalesce(max(number), 0) FROM reading")
    low: int
    low, high = ends.fetchone()
    while low < high:
        middle = (low + high + 1) // 2
        row = connection.execute(
            "SELECT number, taken + received FROM reading WHERE number <= ? ORDER BY number DESC LIMIT 1",
            (middle,),
        ).fetchone()
        if row is None or row[1] < moment:
            low = middle
        else:
            high = row[0] - 1
    return max(0, low)


def _expected(row: Row) -> Expected:
    slots = slots_of_rule(row["rule"], row["begin"], row["finish"])
    return Expected(row["serial"], row["schedule"], tuple(map(moment_of, slots)), row["meters"])


def _meters_of(connection: Connection, serial: str) -> str:
    rows = connection.execute(
        "SELECT DISTINCT meter FROM stay WHERE master = (SELECT id FROM master WHERE serial = ?)", (serial,)
    )
    return numbers(row[0] for row in rows)


def _brought(row: Row) -> CommandReading:
    return CommandReading(
        row["meter"], OUTCOMES[row["outcome"]], moment_of(row["taken"]), row["remark"] or ""
    )
