"""Partitions of readings by when they were taken: made ahead, and dropped with all that is in them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from mbusheadend.store.postgres.connection import Raw
from mbusheadend.store.postgres.ddl import guarded
from mbusheadend.store.sql.moments import AHEAD, moment_of, stored

DEFAULT: Final = "reading_default"
"""For what was taken by clocks that are wrong."""
AHEAD_COUNT: Final = 2
"""Partitions that are there before they are needed."""
BACK: Final = timedelta(days=400)
"""What was taken longer ago comes from a clock that is wrong, or from a history that is brought over."""
_LIKE: Final = "LIKE reading INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED"
_LOCK: Final = 0x6D627573_70617274
_COLUMNS: Final = b"""
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = 'reading'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""
"""Also those that a newer program has added."""
_BOUNDS: Final = """
SELECT child.relname, pg_get_expr(child.relpartbound, child.oid) AS bound, child.reltuples::bigint AS rows,
    child.oid::bigint AS oid
FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = 'reading'::regclass AND child.relname <> 'reading_default'
"""


class Width(StrEnum):
    """How long the time of one partition is (UTC)."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Partition:
    """Readings taken from `since` on, before `until` (milliseconds since 1970)."""

    name: str
    since: int
    until: int
    rows: int = -1
    """By the statistics of the server; -1 where it has none."""
    oid: int = 0


def span(moment: int, width: Width) -> tuple[int, int]:
    """Give begin and end of the time of a partition in which a moment lies."""
    day = moment_of(moment).replace(hour=0, minute=0, second=0, microsecond=0)
    if width is Width.MONTH:
        begin = day.replace(day=1)
        end = (begin + timedelta(days=32)).replace(day=1)
    elif width is Width.WEEK:
        begin = day - timedelta(days=day.weekday())
        end = begin + timedelta(days=7)
    else:
        begin, end = day, day + timedelta(days=1)
    return stored(begin), stored(end)


def present(raw: Raw) -> tuple[Partition, ...]:
    """Give the partitions that are there, the oldest first, without the one for the rest."""
    found = []
    for row in raw.execute(_BOUNDS).fetchall():
        if row["bound"] is None:
            # Dropped since the transaction began.
            continue
        since, until = (int(part.split("'")[1]) for part in row["bound"].split(" TO "))
        found.append(Partition(row["relname"], since, until, row["rows"], row["oid"]))
    return tuple(sorted(found, key=lambda one: one.since))


class Partitions:
    """Those that this process knows, and makes. For one thread."""

    def __init__(self, width: Width) -> None:
        self._width = width
        self._known: tuple[Partition, ...] | None = None

    def ensure(self, raw: Raw, moments: Iterable[int], now: int) -> None:
        """Have a partition for each of these moments, and for those to come; begins its own transactions.

        Raise `psycopg.Error`.
        """
        coming = self._coming(now)
        lowest = now - BACK // timedelta(milliseconds=1)
        wanted = {*coming, *(moment for moment in moments if lowest <= moment <= now + AHEAD)}
        for moment in sorted(wanted):
            if not self._has(raw, moment):
                self._make(raw, moment)

    def forget(self) -> None:
        """Look again which ones are there."""
        self._known = None

    def _coming(self, now: int) -> Iterator[int]:
        for _ in range(1 + AHEAD_COUNT):
            yield now
            now = span(now, self._width)[1]

    def _has(self, raw: Raw, moment: int) -> bool:
        if self._known is None:
            self._known = present(raw)
        return any(one.since <= moment < one.until for one in self._known)

    def _make(self, raw: Raw, moment: int) -> None:
        raw.execute("BEGIN; SET LOCAL lock_timeout = '2s';")
        try:
            raw.execute(f"SELECT pg_advisory_xact_lock({_LOCK})".encode())
            self._known = present(raw)
            if not self._has(raw, moment):
                _attach(raw, *self._free(*span(moment, self._width), moment))
            raw.execute("COMMIT")
        except BaseException:
            if not raw.closed:
                raw.execute("ROLLBACK")
            raise
        finally:
            self._known = None

    def _free(self, since: int, until: int, moment: int) -> tuple[int, int]:
        """Leave out of a time what partitions of another width have."""
        for one in self._known or ():
            if one.until <= moment:
                since = max(since, one.until)
            elif one.since > moment:
                until = min(until, one.since)
        return since, until


def _attach(raw: Raw, since: int, until: int) -> None:
    name = f"reading_{moment_of(since):%Y%m%d}"
    raw.execute(f"CREATE TABLE {name} ({_LIKE})".encode())
    for statement in guarded(name):
        raw.execute(statement.encode())
    (columns,) = raw.execute(_COLUMNS).fetchall()[0]
    for tenant in tenants(raw):
        raw.execute(f"SET LOCAL mbus.tenant = {tenant:d}".encode())
        raw.execute(
            f"WITH moved AS (DELETE FROM {DEFAULT} WHERE taken >= {since:d} AND taken < {until:d} RETURNING *)"  # noqa: S608
            f" INSERT INTO {name} ({columns}) SELECT {columns} FROM moved".encode()
        )
    raw.execute(
        f"ALTER TABLE reading ATTACH PARTITION {name} FOR VALUES FROM ('{since:d}') TO ('{until:d}')".encode()
    )


def tenants(raw: Raw) -> tuple[int, ...]:
    """Give the numbers of all tenants."""
    return tuple(row[0] for row in raw.execute("SELECT id FROM tenant ORDER BY id").fetchall())


def drop(raw: Raw, partition: Partition, last: dict[int, int]) -> bool:
    """Drop a partition if nobody has a reading in it behind these numbers, by tenant; say whether that was done.

    Waits for others a short time only: it is tried again another day.
    """
    raw.execute("BEGIN; SET LOCAL lock_timeout = '3s';")
    try:
        raw.execute(f"SELECT pg_advisory_xact_lock({_LOCK})".encode())
        raw.execute(f"LOCK TABLE {partition.name} IN SHARE MODE".encode())
        is_over = all(not _has_behind(raw, partition, tenant, last.get(tenant, 0)) for tenant in tenants(raw))
        if is_over:
            raw.execute(f"DROP TABLE {partition.name}".encode())
        raw.execute("COMMIT")
    except BaseException:
        if not raw.closed:
            raw.execute("ROLLBACK")
        raise
    return is_over


def _has_behind(raw: Raw, partition: Partition, tenant: int, number: int) -> bool:
    raw.execute(f"SET LOCAL mbus.tenant = {tenant:d}".encode())
    row = raw.execute(
        f"SELECT EXISTS (SELECT 1 FROM {partition.name} WHERE number > {number:d})".encode()  # noqa: S608
    ).fetchone()
    return row is not None and bool(row[0])


def utc_now() -> int:
    """Give the time."""
    return stored(datetime.now(UTC))
