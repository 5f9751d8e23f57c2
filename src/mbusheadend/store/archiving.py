"""What the archive asks of the store: the readings of a time in the order of its files, what came late, and putting back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mbusheadend.store.readings import StoredReading

ArchiveCursor = tuple[str, int, int]
"""Where the next page begins."""


@dataclass(frozen=True, slots=True)
class ArchivedReading:
    """A reading with what the store knows beside it; numbers of this store mean nothing elsewhere.

    :ivar identity: of the meter.
    :ivar bus: where it was then, as far as that is known; empty like `address` where it is not.
    """

    identity: str
    bus: str
    address: str
    reading: StoredReading


@dataclass(frozen=True, slots=True)
class ArchivePage:
    """Readings in the order of meter and time; `after` is None on the last page."""

    readings: tuple[ArchivedReading, ...]
    after: ArchiveCursor | None


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Readings in the order in which they came.

    :ivar number: behind which the next ones are; all up to it were looked at.
    :ivar is_complete: whether none is left.
    """

    readings: tuple[ArchivedReading, ...]
    number: int
    is_complete: bool


class Archiving(Protocol):
    """Whole months, and what came later."""

    async def months(self) -> tuple[datetime, ...]:
        """Give the begins of the months (UTC) in which a reading was taken, in their order; 1970 to 2199."""

    async def count_readings(self, since: datetime, until: datetime) -> int:
        """Count all that were taken in a time; both are begins of days."""

    async def readings_by_meter(
        self,
        since: datetime,
        until: datetime,
        *,
        after: ArchiveCursor | None = None,
        limit: int = 2000,
        with_telegrams: bool = True,
    ) -> ArchivePage:
        """Give all readings that were taken in a time by identity of the meter, then time, page by page.

        Without telegrams neither the raw ones nor what they say come along.
        """

    async def arrivals(self, after: int, until: datetime, since: datetime, limit: int = 5000) -> Arrivals:
        """Look at so many readings that came behind a number, and give those taken before `until`, or from `since` on."""

    async def archive_position(self) -> int:
        """Give the number up to which the archive has looked at arrivals; 0 at first."""

    async def set_archive_position(self, number: int) -> None:
        """Store it."""

    async def put_back(self, readings: Iterable[ArchivedReading], now: datetime) -> int:
        """Store readings of an archive as they were, each once; say how many were not there.

        A meter or master that is not known is made; such a master was not taken in, and may not deliver. What the raw telegrams
        say is decoded again, unless a key that is needed is not here: then, as without raw telegrams, the archive's values stay.
        """
