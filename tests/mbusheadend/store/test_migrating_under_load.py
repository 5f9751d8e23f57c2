"""A newer program changes the tables of a server while an older one takes uploads."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from mbusheadend.store import StoreError
from mbusheadend.store.postgres import brief, migrating, tables
from mbusheadend.store.postgres.indexes import Index
from mbusheadend.store.postgres.partitions import Partitions, Width
from mbusheadend.store.postgres.server import Server
from mbusheadend.store.postgres.store import PostgresStore
from mbusheadend.store.sql.moments import stored
from mbusheadend.store.sqlite.tables import MIGRATIONS
from support.headend_messages import LATER, SERIAL, START, batch, contact, enrol, listed, reading
from support.headend_meters import ADDRESS, METER, number_of, telegram
from support.postgres import shared_server

pytestmark = pytest.mark.peers

SIZE = 5
"""Readings of a batch."""
NUMBER = len(MIGRATIONS) + 1
STEP = """
ALTER TABLE reading ADD COLUMN quality INTEGER NOT NULL DEFAULT 7;
ALTER TABLE meter ADD COLUMN floor TEXT NOT NULL DEFAULT 'ground';
CREATE TABLE remark (meter INTEGER PRIMARY KEY REFERENCES meter ON DELETE CASCADE, text TEXT NOT NULL) STRICT;
CREATE INDEX reading_by_master ON reading (master, taken);
CREATE INDEX stay_by_bus ON stay (bus);
"""
PARTED = Index("reading_by_master", "reading", "(tenant, master, taken)")
ALONE = Index("stay_by_bus", "stay", "(bus, tenant)")
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"


@pytest.fixture
def url() -> str:
    return shared_server().database()


def be_newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever starts from now on be of a newer version."""
    monkeypatch.setattr(tables, "MIGRATIONS", (*MIGRATIONS, STEP))
    monkeypatch.setitem(tables.CONCURRENTLY, NUMBER, (PARTED, ALONE))
    monkeypatch.setattr(brief, "PAUSE", 0.02)


@contextmanager
def asking(url: str) -> Iterator[psycopg.Connection[Any]]:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute("SET mbus.tenant = 1")
        yield connection


@contextmanager
def held(url: str, statement: str) -> Iterator[psycopg.Connection[Any]]:
    """Ask something in a transaction that does not end, as a dump or a report does."""
    with asking(url) as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        connection.execute(statement.encode())
        yield connection
        connection.execute("ROLLBACK")


async def found(url: str, like: str) -> int:
    """Wait until somebody waits for a lock; give the number of the server's process."""
    with asking(url) as connection:
        async with asyncio.timeout(20):
            while (row := connection.execute(WAITING, (like,)).fetchone()) is None:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.01)
    return int(row[0])


def end_session(url: str, pid: int) -> None:
    with asking(url) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))


def facts(url: str, statement: str) -> list[tuple[Any, ...]]:
    with asking(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def invalid(url: str) -> set[str]:
    """Give the indexes that are there and not used."""
    query = "SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid WHERE NOT indisvalid"
    return {row[0] for row in facts(url, query)}


def check_all_made(url: str) -> None:
    """See that all of the newer version is there."""
    assert invalid(url) == set()
    children = "SELECT count(*) FROM pg_inherits WHERE inhparent = '{}'::regclass"
    assert facts(url, children.format("reading")) == facts(url, children.format(PARTED.name))
    assert facts(url, f"SELECT to_regclass('{ALONE.name}') IS NOT NULL") == [(True,)]
    assert facts(url, f"SELECT count(*) FROM migration WHERE number = {NUMBER}") == [(1,)]
    assert facts(url, "SELECT DISTINCT quality FROM reading") == [(7,)]
    assert facts(url, "SELECT DISTINCT floor FROM meter") == [("ground",)]
    assert facts(url, "SELECT count(*) FROM remark") == [(0,)]


@dataclass(slots=True)
class Uploads:
    """What an older program takes, one batch after the other; each is receipted, or the test fails."""

    store: PostgresStore
    count: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def one(self) -> None:
        """Upload a batch, of a time in which nothing was taken yet every now and then, and look at pages."""
        first = self.count * SIZE
        moment = START - timedelta(days=(self.count % 5) * 31)
        readings = [
            reading(n + 1, ADDRESS, [telegram(METER, n, n % 256)], taken=moment + timedelta(seconds=n))
            for n in range(first, first + SIZE)
        ]
        receipt = await self.store.take(SERIAL, batch(*readings), LATER)
        assert (set(receipt.stored), receipt.refused) == ({one.id for one in readings}, {})
        (meter,) = await self.store.meters()
        assert meter.identity
        assert await self.store.latest([meter.id])
        self.count += 1
        self.news.set()

    async def more(self, count: int) -> None:
        """Wait until so many more were receipted."""
        wanted = self.count + count
        async with asyncio.timeout(30):
            while self.count < wanted:
                self.news.clear()
                await self.news.wait()

    async def check(self) -> None:
        """See that all readings are there, each once."""
        page = await self.store.readings(
            await number_of(self.store), START - timedelta(days=900), LATER, limit=100_000
        )
        ids = [one.id for one in page.readings]
        assert len(ids) == len(set(ids)) == self.count * SIZE


@asynccontextmanager
async def uploading(url: str) -> AsyncIterator[Uploads]:
    """Take uploads without end."""
    with closing(PostgresStore(url)) as store:
        await enrol(store)
        await store.note_contact(SERIAL, contact(meters=listed(ADDRESS), meter_list="1"), START)
        uploads = Uploads(store)
        # The server keeps the plans of what it was asked several times.
        for _ in range(8):
            await uploads.one()

        is_over = False

        async def go_on() -> None:
            while not is_over:
                await uploads.one()

        async with asyncio.TaskGroup() as group:
            group.create_task(go_on())
            yield uploads
            await uploads.more(8)
            is_over = True
        await uploads.check()


def start(url: str) -> None:
    """Start a program, which brings the tables up to date."""
    PostgresStore(url).close()


def tried(monkeypatch: pytest.MonkeyPatch, times: int) -> Callable[[], Any]:
    """Give what waits until the step was tried so many times."""
    begun, news, loop = 0, asyncio.Event(), asyncio.get_running_loop()
    whole = migrating._step

    def step(*arguments: Any) -> None:
        nonlocal begun
        begun += 1
        if begun == times:
            loop.call_soon_threadsafe(news.set)
        whole(*arguments)

    monkeypatch.setattr(migrating, "_step", step)
    return news.wait


async def test_uploads_go_on_while_a_newer_program_changes_the_tables_behind_a_long_reader(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with uploading(url) as uploads:
        be_newer(monkeypatch)
        monkeypatch.setattr(brief, "LOCK_MILLISECONDS", 50)
        often = tried(monkeypatch, 4)
        with held(url, "SELECT count(*) FROM reading"):
            starting = asyncio.create_task(asyncio.to_thread(start, url))
            async with asyncio.timeout(20):
                await often()
            await uploads.more(10)
            assert not starting.done()
        await starting
    check_all_made(url)


async def test_whoever_holds_the_tables_for_too_long_is_told_of_and_the_next_start_does_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with uploading(url):
        be_newer(monkeypatch)
        monkeypatch.setattr(brief, "LOCK_MILLISECONDS", 20)
        monkeypatch.setattr(brief, "PATIENCE", 0.0)
        with held(url, "SELECT count(*) FROM reading"), pytest.raises(StoreError, match="holds the tables"):
            await asyncio.to_thread(start, url)
        monkeypatch.setattr(brief, "PATIENCE", 20.0)
        await asyncio.to_thread(start, url)
    check_all_made(url)


async def test_a_step_that_was_broken_off_is_made_by_the_next_start(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with uploading(url) as uploads:
        be_newer(monkeypatch)
        monkeypatch.setattr(brief, "LOCK_MILLISECONDS", 20_000)
        with held(url, "SELECT count(*) FROM reading"):
            starting = asyncio.create_task(asyncio.to_thread(start, url))
            end_session(url, await found(url, "ALTER TABLE reading %"))
            with pytest.raises(StoreError):
                await starting
            await uploads.more(3)
        assert facts(url, "SELECT to_regclass('remark') IS NULL") == [(True,)]
        await asyncio.to_thread(start, url)
    check_all_made(url)


async def test_an_index_that_was_broken_off_is_made_anew_by_the_next_start(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with uploading(url) as uploads:
        be_newer(monkeypatch)
        with held(url, "SELECT count(*) FROM word"):
            starting = asyncio.create_task(asyncio.to_thread(start, url))
            session = await found(url, "CREATE INDEX CONCURRENTLY %")
            # A new partition has it at once; nobody waits behind whom it waits for.
            await uploads.more(3)
            end_session(url, session)
            with pytest.raises(StoreError):
                await starting
        broken = invalid(url)
        assert PARTED.name in broken
        assert [name for name in broken if name.endswith(f"_{PARTED.name}")]
        await uploads.more(3)
        await asyncio.to_thread(start, url)
    check_all_made(url)


async def test_an_index_is_made_though_the_last_partition_without_it_has_gone(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with uploading(url):
        be_newer(monkeypatch)
        with asking(url) as connection:
            connection.execute(f"CREATE INDEX {PARTED.name} ON ONLY reading {PARTED.on}".encode())
            names = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'reading'::regclass"
            *there, ahead = sorted(
                row[0] for row in facts(url, f"{names} AND inhrelid <> 'reading_default'::regclass")
            )
            for name in (*there, "reading_default"):
                connection.execute(f"CREATE INDEX {name}_x ON {name} {PARTED.on}".encode())
                connection.execute(f"ALTER INDEX {PARTED.name} ATTACH PARTITION {name}_x".encode())
            connection.execute(f"DROP TABLE {ahead}".encode())
        assert invalid(url) == {PARTED.name}
        await asyncio.to_thread(start, url)
    check_all_made(url)


async def test_what_a_newer_program_has_added_to_readings_stays_when_an_older_one_moves_them(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = START - timedelta(days=600)
    with closing(PostgresStore(url)) as store:
        await enrol(store)
        await store.take(SERIAL, batch(reading(1, ADDRESS, [telegram(METER)], taken=taken)), START)
        be_newer(monkeypatch)
        await asyncio.to_thread(start, url)
    with asking(url) as connection:
        assert connection.execute("UPDATE reading_default SET quality = 9").rowcount == 1
    with closing(Server(url).connect()) as raw:
        Partitions(Width.MONTH).ensure(raw, (stored(taken),), stored(taken))
    assert facts(url, "SELECT quality, tableoid::regclass::text FROM reading") == [
        (9, f"reading_{taken:%Y%m}01")
    ]


async def test_a_newer_program_makes_the_same_in_an_empty_database(monkeypatch: pytest.MonkeyPatch) -> None:
    url = shared_server().empty_database()
    be_newer(monkeypatch)
    await asyncio.gather(*(asyncio.to_thread(start, url) for _ in range(2)))
    assert invalid(url) == set()
    made = f"SELECT count(*) FROM pg_index WHERE indexrelid IN ('{PARTED.name}'::regclass, '{ALONE.name}'::regclass)"
    assert facts(url, made) == [(2,)]
