"""Writing an index anew ends for sure: once for each index, broken off at any time, and beside whatever others do."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import psycopg
import pytest

from mbusheadend.store import StoreError
from mbusheadend.store.postgres import compacting
from mbusheadend.store.postgres.compacting import sparse
from mbusheadend.store.postgres.partitions import utc_now
from mbusheadend.store.postgres.server import Server
from mbusheadend.store.postgres.store import PostgresStore
from support.headend_messages import SERIAL, START, batch, enrol, reading
from support.headend_meters import ADDRESS, telegram
from support.postgres import ROLE, shared_server
from support.settled import settled

AT_WORK = (
    "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'REINDEX%' AND state = 'active'"
)


@pytest.fixture
def url() -> str:
    return shared_server().database()


@pytest.fixture
def store(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresStore]:
    monkeypatch.setattr(compacting, "LEAST", 20_000)
    with closing(PostgresStore(url)) as one:
        yield one


@pytest.fixture
def boss(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Connect as the server's own superuser."""
    with psycopg.connect(url.replace(f"{ROLE}@", "boss@"), autocommit=True) as connection:
        yield connection


@contextmanager
def looking(url: str) -> Iterator[None]:
    """Look at readings as a backup does: the end of each index waits for it."""
    with psycopg.connect(url) as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL mbus.tenant = 1")
        connection.execute("SELECT 1 FROM reading LIMIT 1")
        yield


async def fill(store: PostgresStore, boss: psycopg.Connection[tuple[object, ...]]) -> str:
    """Store readings in an order that leaves gaps; give the name of the index."""
    await enrol(store)
    for first in range(10):
        taken = [START - timedelta(days=70, seconds=-(first + 10 * number)) for number in range(200)]
        readings = [
            reading(1000 * first + n, ADDRESS, [telegram()], taken=when) for n, when in enumerate(taken)
        ]
        await store.take(SERIAL, batch(*readings), START)
    boss.execute("ANALYZE reading")
    (row,) = boss.execute(
        "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class AS partition ON partition.oid = indrelid"
        " WHERE relname LIKE 'reading_2%' AND reltuples > 0 AND indisunique"
    ).fetchall()
    return str(row[0])


async def begun(store: PostgresStore, boss: psycopg.Connection[tuple[object, ...]]) -> asyncio.Task[int]:
    """Begin to write the index anew, and wait until its end waits for those who look at readings."""
    shrinking = asyncio.create_task(store.shrink())
    waiting = f"SELECT 1 {AT_WORK} AND wait_event_type = 'Lock'".encode()
    await settled(lambda: bool(boss.execute(waiting).fetchall()))
    return shrinking


def left_over(boss: psycopg.Connection[tuple[object, ...]]) -> int:
    return len(boss.execute("SELECT 1 FROM pg_index WHERE NOT indisvalid").fetchall())


async def test_an_index_that_does_not_get_smaller_is_written_anew_once(
    store: PostgresStore, boss: psycopg.Connection[tuple[object, ...]]
) -> None:
    name = await fill(store, boss)
    boss.execute(f"ALTER INDEX {name} SET (fillfactor = 50)".encode())
    assert (await store.extent()).unused > 0
    await store.shrink()
    written = boss.execute("SELECT pg_relation_filenode(%s)", (name,)).fetchone()
    assert (await store.extent()).unused == 0
    assert await store.shrink() == 0
    assert boss.execute("SELECT pg_relation_filenode(%s)", (name,)).fetchone() == written


async def test_what_is_broken_off_costs_nothing_and_is_cleared_away_the_next_time(
    url: str,
    store: PostgresStore,
    boss: psycopg.Connection[tuple[object, ...]],
) -> None:
    await fill(store, boss)
    with looking(url):
        shrinking = await begun(store, boss)
        assert left_over(boss)
        boss.execute(f"SELECT pg_terminate_backend(pid) {AT_WORK}".encode())
        with pytest.raises(StoreError, match="terminating"):
            await shrinking
    while await store.shrink():
        pass
    assert (left_over(boss), (await store.extent()).unused) == (0, 0)


async def test_an_old_index_that_was_not_dropped_any_more_is_dropped_although_nothing_else_is_to_be_done(
    store: PostgresStore, boss: psycopg.Connection[tuple[object, ...]]
) -> None:
    name = await fill(store, boss)
    await store.shrink()
    table = name.removesuffix("_taken_id_tenant_idx")
    boss.execute(f"CREATE UNIQUE INDEX {name}_ccold ON {table} (taken, id, tenant)".encode())
    boss.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", (f"{name}_ccold",))
    assert (await store.extent()).unused > 0
    assert await store.shrink() == 0
    assert (left_over(boss), (await store.extent()).unused) == (0, 0)


async def test_a_process_that_ends_breaks_off_what_the_server_is_doing_for_it(
    url: str,
    store: PostgresStore,
    boss: psycopg.Connection[tuple[object, ...]],
) -> None:
    await fill(store, boss)
    with looking(url):
        shrinking = await begun(store, boss)
        shrinking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await shrinking
        assert not boss.execute(f"SELECT 1 {AT_WORK}".encode()).fetchall()


async def test_of_two_processes_one_writes_an_index_anew(
    url: str,
    store: PostgresStore,
    boss: psycopg.Connection[tuple[object, ...]],
) -> None:
    name = await fill(store, boss)
    with closing(PostgresStore(url)) as other:
        with looking(url):
            shrinking = await begun(store, boss)
            assert await other.shrink() > 0
            assert boss.execute(f"SELECT count(*) {AT_WORK}".encode()).fetchone() == (1,)
        await shrinking
    assert boss.execute("SELECT obj_description(%s::regclass)", (name,)).fetchone() != (None,)


async def test_a_partition_that_was_dropped_since_the_transaction_began_is_left_out(
    url: str, store: PostgresStore, boss: psycopg.Connection[tuple[object, ...]]
) -> None:
    name = await fill(store, boss)
    with closing(Server(url).connect()) as raw:
        raw.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM pg_class LIMIT 1")
        assert sparse(raw, utc_now())
        boss.execute(f"DROP TABLE {name.removesuffix('_taken_id_tenant_idx')}".encode())
        assert sparse(raw, utc_now()) == ()
