"""Questions over a hundred million readings in PostgreSQL: 100,000 meters, three readings a day each.

Filling takes about 20 minutes and 40 GB of disk: this table and `bench.growth` are measured where they are named
(`make bench TABLES="scale growth"`), not with the others. ``BENCH_READINGS`` takes another number of readings, ``BENCH_FOLDER``
another folder for the database than ``/var/tmp``.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from bench.effort import Effort
from bench.figure import Figure
from bench.filled import SETTINGS, Filled, fill
from bench.questions import Asked, Questions, ask, ask_all
from mbusheadend.store.postgres.store import PostgresStore
from support.postgres import Postgres

METERS: Final = 100_000
READINGS: Final = 100_000_000
EVERY: Final = timedelta(hours=8)


def figures(effort: Effort = Effort.FULL) -> list[Figure]:
    """Return the rows of this table."""
    meters = effort.pick(METERS, 2_000, 2_250)
    readings = int(os.environ.get("BENCH_READINGS", 0)) or effort.pick(READINGS, 100_000, 4_500)
    with filled_server(meters, readings // meters, EVERY) as filled, tempfile.TemporaryDirectory() as folder:
        found, all_of_them = asyncio.run(_ask(filled, Path(folder)))
    of = f"of {filled.readings / 1e6:.3g} million readings of {filled.meters:,} meters"
    rows = [
        Figure(name, 1000 * asked.usual, None, f"ms, {of}; the first time {1000 * asked.first:.3g}")
        for name, asked in found.items()
    ]
    per_second = filled.meters / all_of_them.usual
    return [
        *rows,
        Figure("completeness of the last day, slot by slot", per_second, None, f"meters a second, {of}"),
    ]


@contextmanager
def filled_server(meters: int, readings: int, every: timedelta) -> Iterator[Filled]:
    """Run a server with so many meters and readings of each until the block ends."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER", "/var/tmp")) as below:
        Path(below).chmod(0o755)
        server = Postgres(settings=SETTINGS, below=Path(below))
        try:
            yield asyncio.run(fill(server, meters, readings, every))
        finally:
            server.stop()


async def _ask(filled: Filled, folder: Path) -> tuple[dict[str, Asked], Asked]:
    store = PostgresStore(filled.url)
    try:
        questions = Questions(store, filled, folder)
        found = await ask_all({**questions.of_readings(), **questions.of_lists()})
        return found, await ask(questions.fleet_complete, 1)
    finally:
        store.close()
