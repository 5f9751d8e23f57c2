"""The archive of the head-end: how fast months are written, how many bytes a reading has in them, how soon DuckDB answers.

The store is that of `bench.store`: 500 meters of one layout with 15 records, read hourly.
"""

import asyncio
import resource
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

import duckdb

from bench.effort import Effort
from bench.figure import Figure, middle
from bench.store import START, fill, size
from mbusheadend.archive.archivist import Archivist
from mbusheadend.archive.places import Folder
from mbusheadend.store.sqlite.store import SqliteStore

DAYS: Final = 59
"""January and February."""
ROUNDS: Final = 5
QUERIES: Final = {
    "count": "SELECT count(*) FROM readings",
    "meter": """SELECT epoch_ms(taken), r.number FROM (SELECT taken, unnest(records) AS r FROM readings WHERE meter = (
        SELECT max(meter) FROM readings)) WHERE r.register = 'energy [Wh]' ORDER BY taken""",
    "fleet": """SELECT meter, max(r.number) - min(r.number) FROM (SELECT meter, unnest(records) AS r FROM readings)
        WHERE r.register = 'energy [Wh]' GROUP BY meter""",
}


def measure(days: int = DAYS) -> dict[str, float]:
    """Give readings archived a second, bytes per reading in store and archive, seconds of queries, MiB of memory."""
    with tempfile.TemporaryDirectory() as folder:
        store, archive = Path(folder) / "store.db", Path(folder) / "archive"
        count, _ = asyncio.run(fill(store, 24 * days))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began, used = time.perf_counter(), time.process_time()
        readings = asyncio.run(_archive(store, archive))
        seconds = time.perf_counter() - began
        files = sum(path.stat().st_size for path in archive.rglob("*.parquet"))
        found = {
            "readings": readings,
            "per_second": readings / seconds,
            "per_second_of_cpu": readings / (time.process_time() - used),
            "bytes_store": size(store) / count,
            "bytes_archive": files / readings,
            "mib_before": before / 1024,
            "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        return found | _queries(archive)


async def _archive(path: Path, place: Path) -> int:
    store = SqliteStore(path)
    try:
        later = START + timedelta(days=3650)
        done = await Archivist(store, Folder(place), "main", 0, lambda: later).turn()
        return done.readings
    finally:
        store.close()


def _queries(archive: Path) -> dict[str, float]:
    found = {}
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE VIEW readings AS SELECT * FROM read_parquet('{archive}/readings/*/*/*/*.parquet')"
        )
        for name, query in QUERIES.items():
            seconds = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                connection.execute(query).fetchall()
                seconds.append(time.perf_counter() - began)
            found[f"seconds_{name}"] = middle(seconds)
    return found


def figures(effort: Effort = Effort.FULL) -> list[Figure]:
    """Return the rows of this table."""
    found = measure(effort.pick(DAYS, 4, 1))
    how = f"{found['readings']:.0f} readings with 15 values"
    return [
        Figure("readings a second into the archive", found["per_second"], None, f"{how}, one process", True),
        Figure(
            "bytes a reading in the archive", found["bytes_archive"], 300, f"{how}, raw telegrams included"
        ),
        Figure("seconds for a series of one meter", found["seconds_meter"], None, f"DuckDB, {how}"),
        Figure("seconds for a register of all meters", found["seconds_fleet"], None, f"DuckDB, {how}"),
    ]


if __name__ == "__main__":
    for name, figure in measure(int(sys.argv[1]) if len(sys.argv) > 1 else DAYS).items():
        print(f"{name:20} {figure:12,.3f}")
