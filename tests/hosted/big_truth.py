"""What masters have on their disks, what the store has, and how the two differ."""

import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg

from hosted.big_site import METERS, Installation
from mbusheadend.store import Store
from mbushosting.readings import Outcome
from mbusmaster.hosting import rows
from mbusmaster.hosting.database import FILE_NAME

FAR: Final = datetime(2100, 1, 1, tzinfo=UTC)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ALL: Final = 1 << 40


@dataclass(frozen=True, slots=True)
class Fact:
    """A reading, as it should be the same everywhere."""

    master: str
    schedule: str
    slot: datetime
    taken: datetime
    outcome: Outcome
    telegrams: tuple[bytes, ...]


def waiting(home: Path) -> int:
    """Count the readings of a master that have no receipt."""
    with closing(_opened(home)) as file:
        return rows.count(file)[rows.State.WAITING]


async def compare(
    site: Installation, commands: Mapping[str, int], schedule: str
) -> tuple[int, int, list[str]]:
    """Find what is lost, doubled, or never was; give also how many readings there are, and how many of the schedule.

    :param commands: given to each master, named SERIAL-load-1 and so on.
    """
    here = {id: fact for serial in site.serials for id, fact in _own(site.outboxes / serial, serial)}
    there: dict[str, Fact] = {}
    meters: dict[str, int] = {}
    faults: list[str] = []
    async for id, meter, fact in _stored(site.store):
        if id in there:
            faults.append(f"{id} is there twice")
        there[id], meters[id] = fact, meter
    faults += [f"{id} of {here[id].master} is lost" for id in sorted(here.keys() - there.keys())]
    faults += [f"{id} of {there[id].master} was never stored by it" for id in sorted(there.keys() - here)]
    faults += [f"{id} differs: {here[id]} {there[id]}" for id in here.keys() & there if here[id] != there[id]]
    faults += [f"{id}: {fact.outcome}" for id, fact in there.items() if fact.outcome is not Outcome.OK]
    faults += [f"in quarantine: {one}" for one in await site.store.quarantine()]
    if (count := _rows(site)) != len(there):
        faults.append(f"{count} rows, {len(there)} readings")
    wanted = Counter((fact.schedule, meters[id]) for id, fact in there.items())
    for serial, last in commands.items():
        mine = {meters[id] for id, fact in there.items() if fact.master == serial}
        if len(mine) != METERS:
            faults.append(f"{len(mine)} of {METERS} meters of {serial} have readings")
        orders = [f"{serial}-load-{number}" for number in range(1, last + 1)]
        faults += [
            f"{order} of meter {meter}: {wanted[order, meter]} readings"
            for order in orders
            for meter in mine
            if wanted[order, meter] != 1
        ]
    slots = Counter((fact.slot, meters[id]) for id, fact in there.items() if fact.schedule == schedule)
    faults += [f"meter {meter} at {slot}: {n} readings" for (slot, meter), n in slots.items() if n > 1]
    return len(there), slots.total(), faults


def interruptions(outputs: Iterable[Path]) -> Iterator[float]:
    """Give how long each time was in which a master wanted to deliver and could not, in seconds; its own end ends it too.

    :param outputs: what `support.light_masters` has said.
    """
    for output in outputs:
        failing: dict[str, tuple[float, float]] = {}
        for said in _said(output):
            if "started" in said:
                yield from (last - first for first, last in failing.values())
                failing.clear()
                continue
            first, _ = failing.pop(said["serial"], (said["began"], 0.0))
            if said["well"]:
                yield said["ended"] - first
            else:
                failing[said["serial"]] = first, said["ended"]


def delivered(outputs: Iterable[Path], since: float) -> int:
    """Count the deliveries that came off since a moment (`time.monotonic`)."""
    said = [one for output in outputs for one in _said(output)]
    return sum("well" in one and one["well"] and one["began"] >= since for one in said)


def _said(output: Path) -> Iterator[dict[str, Any]]:
    for line in output.read_text().splitlines():
        # One may be half a line: it was killed while it wrote.
        with suppress(json.JSONDecodeError):
            if line:
                yield json.loads(line)


def _own(home: Path, serial: str) -> Iterator[tuple[str, Fact]]:
    with closing(_opened(home)) as file:
        for state in rows.State:
            for _, one in rows.oldest(file, state, ALL):
                yield one.id, Fact(serial, one.schedule, one.slot, one.taken, one.outcome, one.telegrams)


async def _stored(store: Store) -> AsyncIterator[tuple[str, int, Fact]]:
    for meter in await store.meters():
        after = None
        while True:
            page = await store.readings(meter.id, EPOCH, FAR, after=after, limit=10_000)
            for one in page.readings:
                raw = one.telegrams or ()
                yield one.id, one.meter, Fact(one.master, one.schedule, one.slot, one.taken, one.outcome, raw)
            after = page.after
            if after is None:
                break


def _rows(site: Installation) -> int:
    """Count the rows of all tenants, beside all that the store does."""
    url = site.postgres.url(site.database.partition("@/")[2].partition("?")[0], "boss")
    with psycopg.connect(url) as boss:
        row = boss.execute("SELECT count(*) FROM reading").fetchone()
    return 0 if row is None else int(row[0])


def _opened(home: Path) -> sqlite3.Connection:
    file = sqlite3.connect(f"file:{home / FILE_NAME}?mode=ro", uri=True)
    file.row_factory = sqlite3.Row
    return file
