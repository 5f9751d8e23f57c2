"""Intake of a head-end for a utility: how many telegrams a second are on a disk for good, with all of its parts on this machine.

Masters with 250 meters of 15 records each deliver hour after hour. Each upload is a batch of 250 readings; a telegram counts when
its receipt is there. PostgreSQL writes with fsync; each of three nodes of JetStream does so (``sync_interval: always``). What
is told of the processors is what the parts of the head-end used, without the masters.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg

from bench import processor
from bench.effort import Effort
from bench.figure import Figure
from bench.store import METERS, RECORDS
from bench.uploads import Doors, Fleet, requests
from mbusheadend.state import authority_of
from mbusheadend.store import Store
from mbusheadend.store.postgres.store import PostgresStore
from mbusheadend.store.sqlite.store import SqliteStore
from support.nats import Nodes, nodes
from support.postgres import Postgres

MASTERS: Final = 64
HOURS: Final = 13
"""The first one, in which meters are met, has a row of its own."""
AT_ONCE: Final = 16
"""Batches that a head-end hands to its store at a time."""
SETTINGS: Final = (
    "shared_buffers=512MB",
    "max_wal_size=4GB",
    "checkpoint_timeout=15min",
    "autovacuum=on",
    "wal_compression=on",
)
"""As docs/scale.md advises, as far as they fit this machine."""
LONG_AGO: Final = timedelta(days=40)
_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Run:
    """What a run took.

    :ivar seconds: until all was receipted; `stored` until all was in the store.
    :ivar used: seconds of processors, by part.
    """

    telegrams: int
    seconds: float
    stored: float
    used: dict[str, float]

    @property
    def rate(self) -> float:
        """Telegrams a second for good."""
        return self.telegrams / self.seconds

    @property
    def rate_stored(self) -> float:
        """Telegrams a second in the store."""
        return self.telegrams / self.stored

    @property
    def costs(self) -> str:
        """Microseconds of a processor for a telegram, by part."""
        return ", ".join(
            f"{part} {1e6 * used / self.telegrams:.0f}" for part, used in self.used.items() if used
        )


def figures(effort: Effort = Effort.FULL) -> list[Figure]:
    """Return the rows of this table."""
    masters, hours = effort.pick(MASTERS, 16, 2), effort.pick(HOURS, 5, 2)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
    fleet = Fleet.of(masters, hours, start)
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(_directly(fleet, lambda: SqliteStore(Path(folder) / "store.db"), ()))
    rows = _rows("SQLite, directly", found, 7000)
    with database() as server:
        url = server.empty_database()
        found = asyncio.run(_directly(fleet, lambda: PostgresStore(url), (server.pid,)))
        rows += _rows("PostgreSQL, directly", found, None)
        past = Fleet.of(masters, hours, start - LONG_AGO)
        rows += asyncio.run(_bytes(server.empty_database(), past))
    for count in (1, 2):
        with database() as server:
            found = asyncio.run(_by_doors(fleet, server, None, count))
        # A process has one core of the two.
        rows += _rows(f"PostgreSQL, HTTPS, {_processes(count)}", found, 7000 if count > 1 else None)
    with tempfile.TemporaryDirectory() as folder, nodes(Path(folder)) as stream, database() as server:
        found = asyncio.run(_by_doors(fleet, server, stream, 2))
    rows += _rows(f"JetStream and PostgreSQL, HTTPS, {_processes(2)}", found, 7000)
    return rows


def _processes(count: int) -> str:
    return "one process" if count == 1 else f"{count} processes"


def _rows(way: str, found: tuple[Run, Run], reach: int | None) -> list[Figure]:
    first, run = found
    rows = [
        Figure(f"{way}: receipted", run.rate, reach, "telegrams a second", at_least=True),
        Figure(f"{way}: processors", _total(run), None, f"µs a telegram: {run.costs}"),
    ]
    if run.stored > run.seconds:
        rows.insert(1, Figure(f"{way}: stored", run.rate_stored, reach, "telegrams a second", at_least=True))
    else:
        rows.append(
            Figure(
                f"{way}: of meters never met", first.rate, None, "telegrams a second: each is a meter more"
            )
        )
    return rows


def _total(run: Run) -> float:
    return 1e6 * sum(run.used.values()) / run.telegrams


@contextmanager
def database() -> Iterator[Postgres]:
    """Run a server until the block ends."""
    server = Postgres(is_safe=True, settings=SETTINGS)
    try:
        yield server
    finally:
        server.stop()


async def _directly(fleet: Fleet, opened: Callable[[], Store], others: tuple[int, ...]) -> tuple[Run, Run]:
    """Hand batches to a store in this process."""
    store = opened()
    try:
        await fleet.take_in(store)
        runs = []
        for first, hours in ((0, 1), (1, len(fleet.hours) - 1)):
            with _measured({"head-end": (), "server": others}, own="head-end") as watch:
                await _hand(store, fleet, first, hours)
                watch.receipted(hours * fleet.telegrams)
            runs.append(watch.run)
        return runs[0], runs[1]
    finally:
        store.close()


async def _hand(store: Store, fleet: Fleet, first: int, hours: int) -> None:
    """Hand over what a fleet delivers in some hours, each master in its order."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        for hour in fleet.hours[first : first + hours]:
            async with at_once:
                receipt = await store.take(*hour[number])
            assert len(receipt.stored) == METERS

    await asyncio.gather(*map(one, range(fleet.masters)))


async def _by_doors(fleet: Fleet, server: Postgres, stream: Nodes | None, processes: int) -> tuple[Run, Run]:
    """Deliver to the doors of head-ends in processes of their own."""
    url = server.empty_database()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        now = datetime.now(UTC)
        authority = authority_of(folder / "state")
        store = PostgresStore(url)
        stack.callback(store.close)
        await fleet.take_in(store)
        contexts = await fleet.certify(store, authority, folder, now)
        served = [stack.enter_context(_head_end(folder, url, stream)) for _ in range(processes)]
        doors = Doors(contexts, [port for _, port in served])
        await asyncio.to_thread(doors.wait)
        pids = {
            "head-end": tuple(pid for pid, _ in served),
            "server": (server.pid,),
            "stream": () if stream is None else tuple(one.pid for one in stream.processes.values()),
        }
        runs = []
        before = 0
        for hours in (fleet.hours[:1], fleet.hours[1:]):
            uploads = [one for hour in hours for one in requests(hour)]
            count = len(uploads) * METERS
            with _measured(pids) as watch:
                assert await asyncio.to_thread(doors.deliver, uploads) == count
                watch.receipted(count)
                await asyncio.to_thread(_wait_for, url, before + count)
            before += count
            runs.append(watch.run)
        return runs[0], runs[1]


class _Watch:
    """Takes the times of a run; `run` is there at its end."""

    run: Run

    def __init__(self, pids: dict[str, tuple[int, ...]], own: str | None) -> None:
        self._pids = pids
        self._own = own
        self._used = self._now()
        self._began = time.perf_counter()
        self._receipted = 0.0
        self._telegrams = 0

    def receipted(self, telegrams: int) -> None:
        """Note that so many are receipted."""
        self._telegrams, self._receipted = telegrams, time.perf_counter() - self._began

    def end(self) -> None:
        """Note that all are stored."""
        stored = time.perf_counter() - self._began
        used = {part: now - self._used[part] for part, now in self._now().items()}
        # Who waits for the receipt looks once in a while only: what is a moment later was stored with it.
        is_later = stored > 1.02 * self._receipted + LOOK_SECONDS
        self.run = Run(self._telegrams, self._receipted, stored if is_later else self._receipted, used)

    def _now(self) -> dict[str, float]:
        return {
            part: processor.seconds(pids) + (time.process_time() if part == self._own else 0.0)
            for part, pids in self._pids.items()
        }


LOOK_SECONDS: Final = 0.1


@contextmanager
def _measured(pids: dict[str, tuple[int, ...]], own: str | None = None) -> Iterator[_Watch]:
    watch = _Watch(pids, own)
    yield watch
    watch.end()


@contextmanager
def _head_end(folder: Path, url: str, stream: Nodes | None) -> Iterator[tuple[int, int]]:
    """Run a process of the head-end; give its number and its port."""
    settings = folder / "settings.toml"
    servers = (
        "" if stream is None else f"[stream]\nservers = {json.dumps(stream.servers)}\nmax_bytes = {1 << 30}\n"
    )
    settings.write_text(f'web_listen = []\nstore = "{url}"\n{servers}')
    places = ["--listen", "127.0.0.1:0", "--name", "127.0.0.1", "--state", str(folder / "state")]
    command = [
        sys.executable,
        "-m",
        "mbusheadend",
        "serve",
        "--json",
        "--quiet",
        "--config",
        str(settings),
        *places,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        offered = json.loads(process.stdout.readline())
        yield process.pid, int(offered["hosting"].rpartition(":")[2])
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _wait_for(url: str, count: int) -> None:
    """Wait until so many readings are in the store."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET mbus.tenant = 1")
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            row = connection.execute("SELECT last FROM numbering").fetchone()
            if row is not None and row[0] >= count:
                return
            time.sleep(LOOK_SECONDS)
    raise TimeoutError(f"the store has not got {count} readings")


async def _bytes(url: str, fleet: Fleet) -> list[Figure]:
    """Tell how much a telegram takes of a disk: as it comes, and when its month is over and the upkeep was there."""
    store = PostgresStore(url)
    try:
        await fleet.take_in(store)
        await _hand(store, fleet, 0, len(fleet.hours))
        came = _sizes(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ANALYZE reading")
        while await store.shrink():
            pass
        over = _sizes(url)
    finally:
        store.close()
    telegrams = len(fleet.hours) * fleet.telegrams
    rows = []
    for what, size, reach in (("when its month is over", over, 300), ("as it comes", came, None)):
        tables, indexes = size.tables / telegrams, size.indexes / telegrams
        how = f"of {telegrams} with {RECORDS} records: tables {tables:.0f}, indexes {indexes:.0f}"
        rows.append(Figure(f"PostgreSQL: bytes a telegram, {what}", tables + indexes, reach, how))
    how = f"of {fleet.telegrams}: its names, its first telegram, its newest reading, {len(fleet.hours)} times"
    return [*rows, Figure("PostgreSQL: bytes a meter", came.others / fleet.telegrams, None, how)]


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Bytes: tables of readings, their indexes, and all the rest."""

    tables: int
    indexes: int
    others: int


def _sizes(url: str) -> _Sizes:
    query = """
    SELECT sum(pg_table_size(oid)) FILTER (WHERE relispartition), sum(pg_indexes_size(oid)) FILTER (WHERE relispartition),
        sum(pg_total_relation_size(oid)) FILTER (WHERE NOT relispartition)
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"""
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return _Sizes(*map(int, row))


if __name__ == "__main__":
    from bench.figure import as_markdown

    print(as_markdown(figures(Effort(sys.argv[1]) if len(sys.argv) > 1 else Effort.FULL)))
