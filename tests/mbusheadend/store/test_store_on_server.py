"""What is PostgreSQL's own: several processes, tenants, partitions, a server that goes away."""

import asyncio
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from mbusheadend.decoding.keys import Vault
from mbusheadend.store import StoredReading, StoreError, StoreRefusedError
from mbusheadend.store.postgres import compacting, upkeep
from mbusheadend.store.postgres.partitions import Partitions, Width, span
from mbusheadend.store.postgres.server import readable
from mbusheadend.store.postgres.store import PostgresStore
from mbusheadend.store.sql.moments import stored
from mbushosting.readings import Batch
from support.headend_messages import LATER, SERIAL, START, batch, contact, enrol, listed, reading
from support.headend_meters import ADDRESS, KEY, METER, OTHER, encrypted, number_of, telegram
from support.needs import PROJECT
from support.postgres import ROLE, Postgres, shared_server

HOUR = timedelta(hours=1)
END = START + timedelta(days=400)


@pytest.fixture
def url() -> str:
    return shared_server().database()


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    with closing(PostgresStore(url)) as one:
        yield one


@pytest.fixture
def safe() -> Iterator[Postgres]:
    server = Postgres(is_safe=True)
    yield server
    server.stop()


def batches(count: int, size: int = 20, *, first: int = 0) -> list[Batch]:
    """Give batches of readings of two meters, one a minute."""
    found = []
    for number in range(first, first + count):
        numbers = range(number * size, (number + 1) * size)
        found.append(
            batch(
                *(
                    reading(
                        n + 1,
                        str(METER if n % 2 else OTHER),
                        [telegram(METER if n % 2 else OTHER, n, n % 256)],
                        taken=START + timedelta(minutes=n),
                    )
                    for n in numbers
                )
            )
        )
    return found


async def everything(store: PostgresStore) -> list[StoredReading]:
    found: list[StoredReading] = []
    for meter in await store.meters():
        page = await store.readings(meter.id, START - timedelta(days=900), END, limit=10_000)
        found += page.readings
    return found


def rows(url: str, statement: str, tenant: int = 1) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        connection.execute(f"SET mbus.tenant = {tenant}".encode())
        return connection.execute(statement.encode()).fetchall()


def add_tenant(url: str, name: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("INSERT INTO tenant (name) VALUES (%s) RETURNING id", (name,)).fetchone()
    assert row is not None
    return int(row[0])


async def test_two_stores_that_get_the_same_batches_store_each_reading_once_and_number_them(url: str) -> None:
    with closing(PostgresStore(url)) as one, closing(PostgresStore(url)) as other:
        await enrol(one)
        wanted = batches(30)
        receipts = await asyncio.gather(
            *(store.take(SERIAL, each, LATER) for each in wanted for store in (one, other))
        )
        assert all(len(receipt.stored) == 20 and not receipt.refused for receipt in receipts)
        found = await everything(one)
        assert sorted(int(each.id, 16) for each in found) == list(range(1, 601))
        assert all(each.telegrams for each in found)
        assert len(await other.meters()) == 2
        latest = await other.latest([meter.id for meter in await other.meters()])
        assert {int(each.id, 16) for each in latest.values()} == {599, 600}
    numbers = [row[0] for row in rows(url, "SELECT number FROM reading")]
    assert len(set(numbers)) == 600


async def test_judging_while_two_processes_store_sees_each_reading_once(url: str) -> None:
    with closing(PostgresStore(url)) as one, closing(PostgresStore(url)) as other:
        await enrol(one)
        seen: list[str] = []
        is_over = asyncio.Event()

        async def judge() -> None:
            while not is_over.is_set() or (await one.arrived()).readings:
                arrived = await one.arrived(limit=50)
                seen.extend(each.id for each in arrived.readings)
                assert await one.put_judged(arrived.begin, arrived.end, {}, (), (), LATER)

        judging = asyncio.create_task(judge())
        await asyncio.gather(
            *(
                store.take(SERIAL, each, LATER)
                for store, part in ((one, batches(20)), (other, batches(20, first=20)))
                for each in part
            )
        )
        is_over.set()
        await judging
        assert sorted(int(id, 16) for id in seen) == list(range(1, 801))


async def test_a_reading_of_another_master_is_refused_whoever_stores_it(store: PostgresStore) -> None:
    await enrol(store, "M1", "M2")
    one = reading(1, "5", taken=START)
    receipts = await asyncio.gather(
        store.take("M1", batch(one), LATER), store.take("M2", batch(one, serial="M2"), LATER)
    )
    assert sorted(len(receipt.stored) for receipt in receipts) == [0, 1]
    again = await store.take("M2", batch(one, serial="M2"), LATER)
    assert list(again.refused) == ([] if receipts[1].stored else [one.id])


async def test_a_meter_that_another_process_deletes_is_taken_in_anew(url: str) -> None:
    with closing(PostgresStore(url)) as one, closing(PostgresStore(url)) as other:
        await enrol(one)
        await one.take(SERIAL, batch(reading(1, ADDRESS, [telegram()])), LATER)
        before = await number_of(one)
        await other.delete_meter(before)
        await one.take(SERIAL, batch(reading(2, ADDRESS, [telegram()], taken=START + HOUR)), LATER)
        assert await number_of(one) != before
        (left,) = await everything(other)
        assert left.telegrams == (telegram(),)


async def test_a_base_that_another_process_gives_up_is_not_missed(url: str) -> None:
    with closing(PostgresStore(url)) as one, closing(PostgresStore(url)) as other:
        await enrol(one)
        await one.take(SERIAL, batch(reading(1, ADDRESS, [telegram(energy=1)])), START)
        await one.take(SERIAL, batch(reading(2, ADDRESS, [telegram(energy=2)], taken=START + HOUR)), START)
        with psycopg.connect(url) as connection:
            connection.execute("SET mbus.tenant = 1")
            connection.execute("UPDATE base SET superseded = 1")
        third = reading(3, ADDRESS, [telegram(energy=3)], taken=START + 2 * HOUR)
        await one.take(SERIAL, batch(third), LATER + HOUR)
        await other.prune(raw_before=LATER, readings_before=None)
        assert [each.telegrams for each in await everything(other)] == [None, None, (telegram(energy=3),)]


async def test_a_tenant_sees_and_changes_nothing_of_another_one(url: str) -> None:
    second = add_tenant(url, "second")
    with closing(PostgresStore(url)) as one, closing(PostgresStore(url, second)) as other:
        await enrol(one)
        await one.note_contact(SERIAL, contact(meters=listed(ADDRESS), meter_list="1"), START)
        await one.take(SERIAL, batch(reading(1, ADDRESS, [telegram()])), LATER)
        await one.write_note("n", "one")
        assert await other.masters() == ()
        assert await other.meters() == ()
        assert await other.read_note("n") is None
        await other.write_note("n", "other")
        assert await one.read_note("n") == "one"
        with pytest.raises(StoreError):
            await other.take(SERIAL, batch(reading(2, ADDRESS)), LATER)
        # The serial number of a master is taken over all tenants.
        with pytest.raises((StoreError, AssertionError)):
            await enrol(other)
        assert [master.serial for master in await one.masters()] == [SERIAL]
        await enrol(other, "M9")
        await other.take("M9", batch(reading(1, ADDRESS, [telegram(energy=5)]), serial="M9"), LATER)
        assert [each.telegrams for each in await everything(other)] == [(telegram(energy=5),)]
        assert [each.telegrams for each in await everything(one)] == [(telegram(),)]
        assert len({meter.id for store in (one, other) for meter in await store.meters()}) == 2


async def test_raw_statements_of_the_role_stay_within_the_tenant(url: str, store: PostgresStore) -> None:
    await enrol(store)
    await store.take(SERIAL, batch(reading(1, ADDRESS, [telegram()])), LATER)
    second = add_tenant(url, "second")
    with psycopg.connect(url, autocommit=True) as connection:
        named = connection.execute(
            "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'tenant'"
            " WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            " AND relname NOT IN ('of_certificate', 'of_token')"
        ).fetchall()
        tables = [row[0] for row in named]
        assert {"reading", "reading_default", "meter", "master", "numbering", "word"} <= set(tables)
        for table in tables:
            with pytest.raises(psycopg.Error):
                connection.execute(f"SELECT * FROM {table}".encode())
        connection.execute(f"SET mbus.tenant = {second}".encode())
        for table in tables:
            assert connection.execute(f"SELECT * FROM {table}".encode()).fetchall() == []
            assert connection.execute(f"UPDATE {table} SET tenant = tenant".encode()).rowcount == 0
            assert connection.execute(f"DELETE FROM {table}".encode()).rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO word (text, tenant) VALUES ('x', 1)")
    assert len(await everything(store)) == 1
    assert rows(url, f"SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = '{ROLE}'") == [
        (False, False)
    ]


async def test_whose_a_certificate_or_token_is_can_be_told_before_the_tenant_is_known(
    url: str, store: PostgresStore
) -> None:
    await enrol(store)
    await store.add_certificate(SERIAL, 0xABCDEF, LATER, START)
    await store.add_token(b"t", LATER, "", START)
    assert PostgresStore.tenant_of_certificate(url, 0xABCDEF) == 1
    assert PostgresStore.tenant_of_certificate(url, 0xABC) is None
    assert PostgresStore.tenant_of_token(url, b"t") == 1
    await store.delete_token(b"t")
    assert PostgresStore.tenant_of_token(url, b"t") is None


def test_a_tenant_that_is_not_there_is_refused(url: str) -> None:
    with pytest.raises(StoreRefusedError):
        PostgresStore(url, 77)


@pytest.mark.process
def test_three_processes_that_start_at_once_make_the_tables_once() -> None:
    url = shared_server().empty_database()
    program = f"from mbusheadend.store.postgres.store import PostgresStore; PostgresStore({url!r}).close()"
    started = [
        subprocess.Popen([sys.executable, "-c", program], env={"PYTHONPATH": str(PROJECT / "src")})
        for _ in range(3)
    ]
    assert [one.wait(60) for one in started] == [0, 0, 0]
    numbers = [row[0] for row in rows(url, "SELECT number FROM migration ORDER BY number")]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_store_that_a_newer_program_has_changed_for_good_is_left_alone(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO migration (number, needs) VALUES (998, 1)")
    PostgresStore(url).close()
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO migration (number, needs) VALUES (999, 999)")
    with pytest.raises(StoreError, match="newer"):
        PostgresStore(url)


def test_a_server_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mbusheadend.store.postgres.server.WAIT", 0.0)
    with pytest.raises(StoreError, match="is PostgreSQL running there") as refused:
        PostgresStore(f"postgresql://anna:secret@/x?host={tmp_path}")
    assert str(tmp_path) in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("width", Width)
def test_a_partition_has_a_day_a_week_or_a_month_of_utc(width: Width) -> None:
    begin, end = span(stored(datetime(2026, 2, 26, 23, 30, tzinfo=UTC)), width)
    spans = {
        Width.DAY: (datetime(2026, 2, 26, tzinfo=UTC), datetime(2026, 2, 27, tzinfo=UTC)),
        Width.WEEK: (datetime(2026, 2, 23, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)),
        Width.MONTH: (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
    }
    assert (begin, end) == tuple(map(stored, spans[width]))


def partitions_of(url: str) -> list[object]:
    return [
        row[0]
        for row in rows(
            url, "SELECT relid::regclass::text FROM pg_partition_tree('reading') WHERE isleaf ORDER BY 1"
        )
    ]


async def test_partitions_are_there_before_what_comes_and_what_is_far_off_goes_to_the_rest(url: str) -> None:
    with closing(PostgresStore(url, width=Width.DAY)) as store:
        await enrol(store)
        taken = [
            START,
            START - timedelta(days=40),
            START - timedelta(days=4000),
            START + timedelta(days=4000),
        ]
        readings = [reading(n, ADDRESS, [telegram(energy=n)], taken=when) for n, when in enumerate(taken)]
        await store.take(SERIAL, batch(*readings), START + HOUR)
        meter = await number_of(store)
        page = await store.readings(meter, START - timedelta(days=5000), START + timedelta(days=5000))
        assert [each.taken for each in page.readings] == sorted(taken)
    (rest,) = rows(url, "SELECT count(*) FROM reading_default")
    assert rest == (2,)
    names = partitions_of(url)
    assert f"reading_{START - timedelta(days=40):%Y%m%d}" in names


async def test_what_lies_in_the_rest_moves_into_a_partition_that_is_made_for_it(
    url: str, store: PostgresStore
) -> None:
    await enrol(store)
    old = START - timedelta(days=500)
    await store.take(SERIAL, batch(reading(1, ADDRESS, [telegram()], taken=old)), START)
    assert rows(url, "SELECT count(*) FROM reading_default") == [(1,)]
    await store._server_database.maintain(
        lambda raw: Partitions(Width.MONTH).ensure(raw, (stored(old),), stored(old))
    )
    assert rows(url, "SELECT count(*) FROM reading_default") == [(0,)]
    assert len(await everything(store)) == 1


async def test_a_partition_in_which_all_is_old_is_dropped_and_one_that_others_need_stays(url: str) -> None:
    second = add_tenant(url, "second")
    with closing(PostgresStore(url, width=Width.DAY)) as one, closing(PostgresStore(url, second)) as other:
        await enrol(one)
        await enrol(other, "M2")
        for day in range(4):
            when = START - timedelta(days=60 - day)
            await one.take(SERIAL, batch(reading(day, ADDRESS, [telegram()], taken=when)), when)
        when = START - timedelta(days=60)
        await other.take("M2", batch(reading(9, ADDRESS, [telegram()], taken=when), serial="M2"), when)
        before = set(partitions_of(url))
        pruned = await one.prune(raw_before=None, readings_before=START - timedelta(days=58))
        assert (pruned.readings, pruned.is_complete) == (2, True)
        assert before - set(partitions_of(url)) == {f"reading_{START - timedelta(days=59):%Y%m%d}"}
        assert len(await everything(one)) == 2
        assert len(await everything(other)) == 1


async def test_a_big_partition_is_not_emptied_row_by_row(
    url: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enrol(store)
    for each in batches(3):
        await store.take(SERIAL, each, START)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET mbus.tenant = 1")
        connection.execute("ANALYZE reading")
    monkeypatch.setattr(upkeep, "BIG", 10)
    pruned = await store.prune(raw_before=None, readings_before=START + HOUR)
    assert (pruned.readings, pruned.is_complete) == (0, True)
    monkeypatch.undo()
    pruned = await store.prune(raw_before=None, readings_before=START + HOUR)
    assert pruned.readings == 60


async def test_the_index_of_a_time_that_is_over_is_written_anew_without_gaps(
    url: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacting, "LEAST", 20_000)
    await enrol(store)
    for first in range(10):
        # Each one comes between those that are there.
        taken = [START - timedelta(days=70, seconds=-(first + 10 * number)) for number in range(200)]
        readings = [
            reading(1000 * first + n, ADDRESS, [telegram()], taken=when) for n, when in enumerate(taken)
        ]
        await store.take(SERIAL, batch(*readings), START)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE reading")
    before = (await store.extent()).unused
    assert before > 0
    assert await store.shrink() == 0
    assert (await store.extent()).unused == 0
    assert len(await everything(store)) == 2000
    assert rows(url, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


async def test_news_of_orders_reach_other_processes(url: str) -> None:
    with closing(PostgresStore(url)) as one, closing(PostgresStore(url)) as other:
        await enrol(one, "M1", "M2")
        with other.changes.watch("M1") as mine, other.changes.watch("M2") as not_mine:
            await one.set_master("M1", name="x", groups=())
            async with asyncio.timeout(20):
                await mine.wait()
            assert not not_mine.is_set()


async def test_after_a_time_without_the_server_everybody_looks_again(safe: Postgres) -> None:
    with closing(PostgresStore(safe.database())) as store:
        with store.changes.watch("M1") as news:
            safe.kill()
            await asyncio.to_thread(safe.start)
            async with asyncio.timeout(30):
                await news.wait()
        assert await store.masters() == ()


async def test_a_lease_is_one_process_at_a_time_and_lost_with_the_server(safe: Postgres) -> None:
    url = safe.database()
    with closing(PostgresStore(url)) as one, closing(PostgresStore(url)) as other:
        async with (
            one.lease("gaps") as mine,
            other.lease("gaps") as theirs,
            other.lease("archive") as another,
        ):
            assert (bool(mine), bool(theirs), bool(another)) == (True, False, True)
            safe.kill()
            async with asyncio.timeout(20):
                await mine.lost.wait()
            assert not mine
        await asyncio.to_thread(safe.start)
        async with other.lease("gaps") as theirs:
            assert theirs


@pytest.mark.process
async def test_what_was_acknowledged_survives_a_server_that_is_killed_again_and_again(safe: Postgres) -> None:
    url = safe.database()
    acknowledged: set[str] = set()
    with closing(PostgresStore(url)) as store:
        await enrol(store)
        waiting, progress = asyncio.Queue[Batch](), asyncio.Event()
        for each in batches(240):
            waiting.put_nowait(each)

        async def deliver() -> None:
            while not waiting.empty():
                each = waiting.get_nowait()
                try:
                    receipt = await store.take(SERIAL, each, LATER)
                except StoreError:
                    waiting.put_nowait(each)
                else:
                    acknowledged.update(receipt.stored)
                    progress.set()

        delivering = [asyncio.create_task(deliver()) for _ in range(6)]
        for goal in (600, 1800, 3000):
            async with asyncio.timeout(60):
                while len(acknowledged) < goal:
                    progress.clear()
                    await progress.wait()
            safe.kill()
            with closing(psycopg_after(safe, url)) as connection:
                connection.execute("SET mbus.tenant = 1")
                known = acknowledged
                there = [row[0].hex() for row in connection.execute("SELECT id FROM reading").fetchall()]
                assert known - set(there) == set()
                assert len(there) == len(set(there))
        await asyncio.gather(*delivering)
        assert len(acknowledged) == 240 * 20
        found = await everything(store)
        assert sorted(each.id for each in found) == sorted(acknowledged)
        assert all(each.telegrams for each in found)


def psycopg_after(server: Postgres, url: str) -> psycopg.Connection[tuple[bytes]]:
    server.start()
    return psycopg.connect(url, autocommit=True)


async def test_a_key_that_is_stored_while_readings_come_counts_for_them(url: str, tmp_path: Path) -> None:
    vault = Vault.from_file(tmp_path / "keys")
    with closing(PostgresStore(url, vault=vault)) as one, closing(PostgresStore(url, vault=vault)) as other:
        await enrol(one)
        await one.take(SERIAL, batch(reading(1, ADDRESS, [encrypted(1, 1)])), LATER)
        await other.set_key(await number_of(other), KEY)
        await one.take(SERIAL, batch(reading(2, ADDRESS, [encrypted(2, 2)], taken=START + HOUR)), LATER)
        first, second = await everything(one)
        assert (bool(first.decoded[0].error), second.decoded[0].error) == (True, "")


async def test_backups_are_left_to_the_tools_of_the_server(store: PostgresStore, tmp_path: Path) -> None:
    with pytest.raises(StoreRefusedError, match="pg_basebackup"):
        await store.back_up(tmp_path / "copy")
    assert (await store.extent()).size > 0
    assert await store.shrink() == 0


async def test_a_text_with_what_postgresql_does_not_keep_is_stored_all_the_same(store: PostgresStore) -> None:
    await enrol(store)
    await store.take(SERIAL, batch(reading(1, "5", remark="a\0b", clock="c\0d")), LATER)
    (one,) = await everything(store)
    assert (one.remark, one.clock) == ("a\ufffdb", "c\ufffdd")


def test_what_can_be_read_is_told_of_descriptors_of_any_number() -> None:
    here, there = os.pipe()
    high = fcntl.fcntl(here, fcntl.F_DUPFD, 1100)
    try:
        assert readable(0, high) == ()
        os.write(there, b"x")
        assert readable(20, high) == (high,)
    finally:
        for descriptor in (here, there, high):
            os.close(descriptor)
