"""What DuckDB reads of an archive is what the store says. The queries stand in docs/archive.md."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mbusheadend.decoding.registers import Register
from mbusheadend.judging.consumption import Period
from mbusheadend.store import Meter, Store
from support.headend_archive import AUGUST, ENDED, JULY, all_of, archivist, filled
from support.headend_year import simulated_meters

ENERGY = Register("instantaneous", 0, 0, 0, "energy", "Wh", ())
DOCUMENT = Path(__file__).parents[3] / "docs" / "archive.md"


def documented(name: str) -> str:
    """Give a query of the documentation, by the comment in its first line."""
    blocks = DOCUMENT.read_text().split("```sql\n")[1:]
    return next(block.split("```")[0] for block in blocks if block.startswith(f"-- {name}"))


async def heat_meter(store: Store) -> Meter:
    """Give a meter that counts energy."""
    found = [one for one in await store.meters() if ENERGY in await store.registers(one.id)]
    return found[0]


@pytest.fixture
async def duck(store: Store, tmp_path: Path) -> Any:
    """Give DuckDB over the archive of a store, with the views of the documentation."""
    await filled(store)
    await archivist(store, tmp_path / "archive").turn()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        views = documented("views").replace("/srv/archive", str(tmp_path / "archive"))
        connection.execute(views)
        yield connection


async def test_it_counts_what_the_store_has(store: Store, duck: Any) -> None:
    everything = await all_of(store)
    counted = duck.execute(documented("counts")).fetchall()
    expected = []
    for month in (JULY, AUGUST):
        found = [one for one in everything.values() if month.begin <= one.taken < month.end]
        sound = sum(one.outcome == "ok" for one in found)
        expected.append(("main", month.year, month.month, len(found), sound))
    assert counted == expected


async def test_a_time_of_one_meter_is_the_series_of_the_store(store: Store, duck: Any) -> None:
    meter = await heat_meter(store)
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    page = await store.series(meter.id, ENERGY, since, until, limit=10_000)
    # As numbers: Python's DuckDB has moments with a zone only where another package is installed.
    query = f"SELECT epoch_ms(taken), number FROM ({documented('one meter').strip().rstrip(';')})"
    found = duck.execute(query, {"meter": meter.identity, "register": "energy [Wh]"}).fetchall()
    assert found == [
        (round(point.taken.timestamp() * 1000), point.value)
        for point in page.points
        if point.value is not None
    ]
    assert len(found) > 100


async def test_consumption_of_days_is_that_of_the_store(store: Store, duck: Any) -> None:
    meter = await heat_meter(store)
    used = await store.consumption(meter.id, ENERGY, Period.DAY, "UTC", JULY.begin, ENDED)
    wanted = {one.since.date(): one.amount for one in used if one.amount is not None}
    found = duck.execute(
        documented("consumption"), {"meter": meter.identity, "register": "energy [Wh]"}
    ).fetchall()
    compared = {day: amount for day, amount in found if day in wanted}
    assert len(compared) > 15
    for day, amount in compared.items():
        assert Decimal(amount) == wanted[day]


async def test_it_reads_what_manifests_name_and_nothing_else(store: Store, duck: Any, tmp_path: Path) -> None:
    for path in (tmp_path / "archive").rglob("part-*.parquet"):
        path.with_name("part-0001-00009.parquet").write_bytes(path.read_bytes())
    before = duck.execute("SELECT count(*) FROM readings").fetchone()
    duck.execute(documented("named files").replace("/srv/archive", str(tmp_path / "archive")))
    count = len(await all_of(store))
    assert before == (2 * count,)
    assert duck.execute("SELECT count(*) FROM readings").fetchone() == (count,)


async def test_raw_telegrams_are_those_of_the_store(store: Store, duck: Any) -> None:
    found = duck.execute("SELECT lower(hex(id)), meter, telegrams FROM readings").fetchall()
    everything = await all_of(store)
    assert {(meter, id): tuple(frames) for id, meter, frames in found} == {
        key: one.telegrams for key, one in everything.items()
    }
    assert len(simulated_meters(JULY.begin)) == len({meter for meter, _ in everything})
