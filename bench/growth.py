"""How cost grows with the fleet: from ten thousand meters to a million, 250 at each master, the same questions of each fleet."""

import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bench.effort import Effort
from bench.figure import Figure
from bench.filled import Filled
from bench.questions import Asked, Questions, ask_all
from bench.scale import filled_server
from bench.store import METERS
from bench.uploads import Fleet
from mbusheadend.store.postgres.store import PostgresStore

SIZES: Final = (10_000, 100_000, 1_000_000)
SLOTS: Final = 4
EVERY: Final = timedelta(hours=6)
MASTERS: Final = 16
HOURS: Final = 6


def figures(effort: Effort = Effort.FULL) -> list[Figure]:
    """Return the rows of this table."""
    sizes = effort.pick(SIZES, SIZES[:2], (2_250, 2_500))
    found = {size: measure(size) for size in sizes}
    last = sizes[-1]
    rows = []
    for name in found[last]:
        others = ", ".join(f"{found[size][name]:.3g} of {size:,}" for size in sizes[:-1])
        unit = "µs of a processor" if name == INTAKE else "ms"
        rows.append(Figure(name, found[last][name], None, f"{unit}, of {last:,} meters; {others}"))
    return rows


INTAKE: Final = "intake of a telegram, head-end"


def measure(meters: int) -> dict[str, float]:
    """Measure with so many meters."""
    with filled_server(meters, SLOTS, EVERY) as filled, tempfile.TemporaryDirectory() as folder:
        found, intake = asyncio.run(_measure(filled, Path(folder)))
    return {INTAKE: intake, **{name: 1000 * asked.usual for name, asked in found.items()}}


async def _measure(filled: Filled, folder: Path) -> tuple[dict[str, Asked], float]:
    store = PostgresStore(filled.url)
    try:
        intake = await _intake(store)
        questions = Questions(store, filled, folder)
        return await ask_all({**questions.of_lists(), **questions.of_background()}), intake
    finally:
        store.close()


async def _intake(store: PostgresStore) -> float:
    """Store batches of masters that come to the fleet; give microseconds of a processor for a telegram."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS)
    # The first master is there: rows were made of what it delivered.
    fleet = Fleet.of(1 + MASTERS, HOURS, start)
    await fleet.take_in(store, 1)
    used = 0.0
    for hour in fleet.hours:
        # The first hour, in which meters are met, does not count.
        used = time.process_time() if hour is fleet.hours[1] else used
        await asyncio.gather(*(store.take(*one) for one in hour[1:]))
    return 1e6 * (time.process_time() - used) / (MASTERS * METERS * (HOURS - 1))
