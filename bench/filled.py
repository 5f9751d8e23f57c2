"""A PostgreSQL with the readings of many meters in it, as if they had come one after the other.

A few batches are taken in by the store itself; all other rows are made of theirs within the server: layouts, bases and packed
values are the ones that intake makes, in partitions, with the indexes that intake keeps. A telegram names the meter that it was
made of; nothing that is measured looks at that.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from bench.store import METERS
from bench.uploads import Fleet
from mbusheadend.decoding import varint
from mbusheadend.store.postgres.partitions import Partitions, Width
from mbusheadend.store.postgres.server import Server
from mbusheadend.store.postgres.store import PostgresStore
from mbusheadend.store.sql.moments import stored
from mbushosting.schedules import Every
from support.postgres import Postgres

SETTINGS: Final = (
    "shared_buffers=2GB",
    "work_mem=32MB",
    "maintenance_work_mem=1GB",
    "max_wal_size=8GB",
    "checkpoint_timeout=30min",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_locks_per_transaction=256",
)
VARIANTS: Final = 7
"""Telegrams of each meter of the fleet that rows are made of."""
_HANDS: Final = 2
_OFFSET: Final = 20_000
"""Numbers of bases are written in three bytes, as those of big fleets are."""
_TEMPLATE: Final = """
CREATE UNLOGGED TABLE template (place integer, variant integer, frame bytea, rest bytea, said bytea, layout bigint)
"""
_FLEET: Final = (
    "INSERT INTO master (id, serial, name, enrolled, last_contact)"
    " SELECT 1000 + n, 'U' || lpad(n::text, 6, '0'), 'House ' || n, $1, $2 FROM generate_series(0, $3 / 250 - 1) AS n",
    "INSERT INTO meter (id, identity, first_seen, last_seen, name)"
    " SELECT $2::bigint + n, lpad((50000000 + n)::text, 8, '0') || '2D2C1904', $1, $1, 'Flat ' || n"
    " FROM generate_series(0, $3 - 1) AS n",
    "INSERT INTO stay (meter, master, bus, address, since)"
    " SELECT id, 1000 + (id - $2) / 250, 'main', identity, $1 FROM meter WHERE id >= $2",
    f"INSERT INTO base (id, meter, place, frame) SELECT {_OFFSET} + id, id, 0, frame"
    " FROM meter JOIN template ON template.place = (id - $1) % 250 AND variant = 0 WHERE id >= $1",
    "INSERT INTO meter_layout (meter, layout) SELECT id, layout"
    " FROM meter JOIN template ON template.place = (id - $1) % 250 AND variant = 0 WHERE id >= $1",
    "INSERT INTO expectation (master, meter, schedule, rule, since)"
    " SELECT 1000 + (id - $2) / 250, id, 'hourly', $3, $1 FROM meter WHERE id >= $2",
)
_MADE: Final = f"""
CREATE UNLOGGED TABLE made AS SELECT id::integer AS meter, (1000 + (id - $1) / 250)::integer AS master,
    ((id - $1) % 250)::integer AS place, (id - $1)::integer AS rank,
    (((id - $1) % 250) * 700 + (id * 7919) % 700)::bigint AS delay,
    set_byte(set_byte(set_byte('\\x000000'::bytea, 0, ((({_OFFSET} + id) & 127) | 128)::integer),
        1, (((({_OFFSET} + id) >> 7) & 127) | 128)::integer), 2, ((({_OFFSET} + id) >> 14) & 127)::integer) AS base
FROM meter WHERE id >= $1
"""
_ROWS: Final = """
INSERT INTO reading (number, taken, slot, received, tenant, master, meter, schedule, clock, baud, outcome, attempts, decoder, id,
    remark, raw, said)
SELECT {number} + rank, {slot} + delay, -delay, 300000 - delay, 1, master, meter, {schedule}, {clock}, 2400, 0, 1, {decoder},
    substring(int8send({slot} + delay), 3, 6) || substring(uuid_send(gen_random_uuid()), 1, 10), '', base || rest, said
FROM made JOIN template USING (place) WHERE variant = {variant}
"""
_LATEST: Final = """
UPDATE meter SET latest = {number} + made.rank, latest_taken = {slot} + made.delay, last_seen = {slot} + made.delay
FROM made WHERE meter.id = made.meter
"""


@dataclass(frozen=True, slots=True)
class Filled:
    """What is in the database.

    :ivar first: number of the first of `meters` that were made in the server; the others follow it.
    :ivar slots: when each was read.
    """

    url: str
    meters: int
    first: int
    slots: tuple[datetime, ...]

    @property
    def readings(self) -> int:
        """How many there are."""
        return self.meters * len(self.slots)


async def fill(
    server: Postgres,
    meters: int,
    count: int,
    every: timedelta,
    told: Callable[[str], None] = lambda text: None,
) -> Filled:
    """Fill a new database with so many readings of each meter, the last ones by the newest slot.

    :param meters: a multiple of 250.
    """
    url = server.empty_database()
    now = datetime.now(UTC)
    end = now - (now - datetime.fromtimestamp(0, UTC)) % every
    slots = tuple(end - every * back for back in range(count - 1, -1, -1))
    fleet = Fleet.of(1, VARIANTS + 1, now - timedelta(hours=VARIANTS + 1))
    store = PostgresStore(url)
    try:
        await fleet.take_in(store)
        for hour in fleet.hours:
            for one in hour:
                await store.take(*one)
    finally:
        store.close()
    boss = server.url(url.partition("@/")[2].partition("?")[0], "boss")
    filler = _Filler(boss, url, meters, slots, every)
    filler.begin()
    told("the fleet is there")
    filler.add_rows(told)
    filler.end()
    return Filled(url, meters, filler.first, slots)


class _Filler:
    def __init__(
        self, boss: str, url: str, meters: int, slots: tuple[datetime, ...], every: timedelta
    ) -> None:
        self._boss = boss
        self._url = url
        self._meters = meters
        self._slots = slots
        self._rule = Every(minutes=every // timedelta(minutes=1)).model_dump_json()
        self.first = 1000
        self._facts: dict[str, Any] = {}
        self._indexes: list[str] = []
        self._last = 0

    def begin(self) -> None:
        """Make masters, meters and all that they have beside readings; make partitions, without indexes."""
        raw = Server(self._url).connect()
        Partitions(Width.MONTH).ensure(raw, map(stored, self._slots), stored(datetime.now(UTC)))
        raw.close()
        since = stored(self._slots[0] - timedelta(days=1))
        with self._connected() as boss:
            self._make_templates(boss)
            parameters: tuple[tuple[Any, ...], ...] = (
                (since, stored(datetime.now(UTC)), self._meters),
                (since, self.first, self._meters),
                (since, self.first),
                (self.first,),
                (self.first,),
                (since, self.first, self._rule),
            )
            for statement, values in zip(_FLEET, parameters, strict=True):
                boss.execute(statement.encode(), values)
            boss.execute(_MADE.replace("$1", str(self.first)).encode())
            boss.execute(b"ANALYZE")
            rows = boss.execute(
                b"SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'reading'"
            ).fetchall()
            for name, definition in rows:
                self._indexes.append(definition.replace(" ON ONLY ", " ON "))
                boss.execute(f"DROP INDEX {name}".encode())

    def add_rows(self, told: Callable[[str], None]) -> None:
        """Add the readings, slot by slot, as they would lie if they had come so."""
        months: dict[tuple[int, int], list[int]] = {}
        for number, slot in enumerate(self._slots):
            months.setdefault((slot.year, slot.month), []).append(number)
        with ThreadPoolExecutor(_HANDS) as pool:
            for month, _ in zip(months, pool.map(self._add, months.values()), strict=True):
                told(f"readings of {month[0]}-{month[1]:02} are there")

    def _add(self, numbers: list[int]) -> None:
        with self._connected() as boss:
            for number in numbers:
                boss.execute(_ROWS.format(**self._facts, **self._of_slot(number)).encode())

    def _of_slot(self, number: int) -> dict[str, int]:
        return {
            "number": self._last + 1 + number * self._meters,
            "slot": stored(self._slots[number]),
            "variant": number % VARIANTS,
        }

    def end(self) -> None:
        """Make the indexes, and set what counts on."""
        with self._connected() as boss:
            for definition in self._indexes:
                boss.execute(definition.encode())
            newest = self._of_slot(len(self._slots) - 1)
            boss.execute(_LATEST.format(**newest).encode())
            last = newest["number"] + self._meters
            boss.execute(f"UPDATE numbering SET last = {last}".encode())
            for table in ("master", "meter", "base"):
                boss.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))".encode()
                )
            boss.execute(b"DROP TABLE template, made")
        with self._connected(autocommit=True) as boss:
            boss.execute(b"VACUUM ANALYZE")

    def _make_templates(self, boss: psycopg.Connection[Any]) -> None:
        rows = boss.execute(
            b"SELECT meter, number, raw, said, schedule, clock, decoder FROM reading ORDER BY number"
        ).fetchall()
        boss.execute(_TEMPLATE.encode())
        self._last = max(row[1] for row in rows)
        self._facts = dict(zip(("schedule", "clock", "decoder"), rows[0][4:], strict=True))
        made = [*self._templates(boss, rows)]
        with boss.cursor() as cursor:
            cursor.executemany(b"INSERT INTO template VALUES ($1, $2, $3, $4, $5, $6)", made)

    def _templates(
        self, boss: psycopg.Connection[Any], rows: list[Any]
    ) -> Iterator[tuple[int, int, bytes, bytes, bytes, int]]:
        bases = {
            meter: (id, frame)
            for id, meter, frame in boss.execute(b"SELECT id, meter, frame FROM base").fetchall()
        }
        layouts = dict(boss.execute(b"SELECT meter, layout FROM meter_layout").fetchall())
        for index, (meter, _, raw, said, *_) in enumerate(rows[METERS:]):
            variant, place = divmod(index, METERS)
            number, frame = bases[meter]
            prefix = bytearray()
            varint.append(number, prefix)
            if not raw.startswith(prefix):
                raise AssertionError("a telegram was not packed by the base of its meter")
            yield place, variant, frame, raw[len(prefix) :], said, layouts[meter]

    def _connected(self, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self._boss, autocommit=True, cursor_factory=psycopg.RawCursor)
        connection.execute(b"SET mbus.tenant = 1; SET synchronous_commit = off")
        connection.autocommit = autocommit
        return connection
