"""An archive of a store, for tests."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mbusheadend.archive.archivist import Archivist
from mbusheadend.archive.months import Month
from mbusheadend.archive.places import Folder, Place
from mbusheadend.store import Store, StoredReading
from support.headend_year import fill

JULY: Final = Month(2026, 7)
AUGUST: Final = Month(2026, 8)
BEGAN: Final = datetime(2026, 7, 20, tzinfo=UTC)
ENDED: Final = datetime(2026, 8, 10, tzinfo=UTC)
LATER: Final = datetime(2026, 10, 2, tzinfo=UTC)
"""When July and August are due."""


def archivist(
    store: Store, place: Place | Path, now: datetime | Callable[[], datetime] = LATER, **options: Any
) -> Archivist:
    """Give an archive that waits a month."""
    there = Folder(place) if isinstance(place, Path) else place
    clock = now if callable(now) else lambda: now
    return Archivist(store, there, "main", options.pop("wait_months", 1), clock, **options)


async def filled(store: Store, minutes: int = 180) -> None:
    """Let a master deliver what it read of some meters from July to August."""
    await fill(store, BEGAN, ENDED, minutes=minutes)


async def all_of(store: Store, month: Month | None = None) -> dict[tuple[str, str], StoredReading]:
    """Give all readings by identity of the meter and id."""
    since = datetime(2000, 1, 1, tzinfo=UTC) if month is None else month.begin
    until = datetime(2100, 1, 1, tzinfo=UTC) if month is None else month.end
    found = {}
    for meter in await store.meters():
        page = await store.readings(meter.id, since, until, limit=10_000)
        assert page.after is None
        found.update({(meter.identity, one.id): one for one in page.readings})
    return found
