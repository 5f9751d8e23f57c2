"""Packed readings, stored: in the order of their numbers, each once."""

import logging
import time
from typing import Any, Final

import psycopg

from mbusheadend.store.postgres.connection import PostgresConnection, Raw
from mbusheadend.store.postgres.database import Database, Line, transaction
from mbusheadend.store.postgres.packing import Packed, Stale
from mbusheadend.store.postgres.partitions import Partitions
from mbusheadend.store.postgres.tables import COLUMNS, INCOMING
from mbusheadend.store.sql.connection import numbers
from mbusheadend.store.sql.moments import AHEAD

_NAMES: Final = tuple(name for name, _ in COLUMNS[1:])
_KINDS: Final = tuple(kind for _, kind in COLUMNS)
_COPY: Final = b"COPY incoming FROM STDIN (FORMAT BINARY)"
_INSERT: Final = (
    f"INSERT INTO reading (number, {', '.join(_NAMES)}) SELECT ?1 + number, {', '.join(_NAMES)}"  # noqa: S608 - constants
    " FROM incoming ORDER BY number ON CONFLICT DO NOTHING"
)
_OTHERS: Final = """
SELECT incoming.number, incoming.id, incoming.master, there.master AS owner FROM incoming CROSS JOIN LATERAL
    (SELECT number, master FROM reading WHERE id = incoming.id AND taken = incoming.taken LIMIT 1) AS there
WHERE there.number < ?1 OR there.number >= ?2
"""
_NEWEST: Final = f"""
UPDATE meter SET latest = new.number, latest_taken = new.taken,
    last_seen = least(greatest(coalesce(last_seen, new.taken), new.taken), new.arrived)
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS new (meter, number, taken, arrived)
WHERE id = new.meter AND (latest_taken IS NULL OR latest_taken <= new.taken OR latest_taken > new.arrived + {AHEAD})
"""  # noqa: S608 - a constant

_PAUSE: Final = 60.0
"""Seconds until a partition is tried again to be made: who waits for a lock makes others wait."""

_log = logging.getLogger(__name__)


class StaleError(Exception):
    """Others have changed what readings were packed by."""

    def __init__(self, stale: Stale) -> None:
        super().__init__(stale)
        self.stale = stale


class Storer:
    """Stores. For one thread."""

    def __init__(self, database: Database, line: Line, partitions: Partitions) -> None:
        self._database = database
        self._line = line
        self._partitions = partitions
        self._prepared: Raw | None = None
        self._not_before = 0.0

    def close(self) -> None:
        """Close the connection."""
        self._line.close()

    def store(self, packed: Packed) -> set[bytes]:
        """Store readings for good; give the ids of those that are another master's. Raise `StoreError` and `StaleError`.

        Done twice it stores nothing the second time.
        """
        if not packed.rows:
            return set()
        self._make_partitions(packed)
        foreign = transaction(
            self._database.server,
            self._line,
            self._database.begin,
            lambda connection: self._store(connection, packed),
        )
        # Not before: what was undone has undone the temporary table too.
        self._prepared = self._line.open()
        return foreign

    def _make_partitions(self, packed: Packed) -> None:
        if time.monotonic() < self._not_before:
            return
        raw = self._line.open()
        try:
            self._partitions.ensure(raw, {row[1] for row in packed.rows}, packed.now)
        except psycopg.Error as error:
            # They go into the partition for the rest, and from there into their own one.
            _log.warning("no partition for new readings: %s", error)
            self._partitions.forget()
            self._not_before = time.monotonic() + _PAUSE

    def _store(self, connection: PostgresConnection, packed: Packed) -> set[bytes]:
        raw = connection.raw
        if self._prepared is not raw:
            raw.execute(INCOMING.encode())
        with raw.cursor().copy(_COPY) as copy:
            copy.set_types(_KINDS)
            for row in packed.rows:
                copy.write_row(row)
        count = len(packed.rows)
        first = connection.numbers_for(count)
        _check(connection, packed, first + count - 1)
        added = connection.execute(_INSERT, (first,)).rowcount
        others = connection.execute(_OTHERS, (first, first + count)).fetchall() if added < count else []
        gone = {row["number"] for row in others}
        newest = [
            (meter, first + one.place, one.taken, one.arrived)
            for meter, one in sorted(packed.newest.items())
            if one.place not in gone
        ]
        if newest:
            raw.execute(_NEWEST.encode(), [list(column) for column in zip(*newest, strict=True)])
        return {row["id"] for row in others if row["owner"] != row["master"]}


def _check(connection: PostgresConnection, packed: Packed, last: int) -> None:
    """See that meters, their keys and bases are those by which was packed; raise `StaleError`.

    A base in whose place another process has put one meanwhile is needed up to these readings.
    """
    query = "SELECT id, secret FROM meter WHERE id IN numbers(?)"
    found = {row["id"]: row["secret"] or b"" for row in connection.execute(query, (numbers(packed.secrets),))}
    changed = frozenset(meter for meter, secret in packed.secrets.items() if found.get(meter) != secret)
    there: dict[int, Any] = {}
    if packed.bases:
        query = "SELECT id, superseded FROM base WHERE id IN numbers(?)"
        there = {row["id"]: row["superseded"] for row in connection.execute(query, (numbers(packed.bases),))}
    gone = frozenset(packed.bases) - there.keys()
    if changed or gone:
        raise StaleError(Stale(changed, gone))
    over = {*packed.superseded, *(number for number, superseded in there.items() if superseded is not None)}
    if over:
        connection.execute("UPDATE base SET superseded = ? WHERE id IN numbers(?)", (last, numbers(over)))
