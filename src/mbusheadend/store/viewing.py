"""What plots and overviews ask of the store: few values of many readings, at little cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from mbus.application.datatypes import Value
from mbusheadend.decoding.registers import Register
from mbusheadend.store.readings import Cursor, ReadingPage


class Track(NamedTuple):
    """What a reading says of chosen registers.

    :ivar clock: quality of the master's clock when it was taken.
    :ivar status: bits of the status bytes of all telegrams that were looked at.
    :ivar values: in the order of the registers, of the first telegram that has each; None where there is none.
    :ivar doubts: for each value why it is to be doubted or not there, None where it is not.
    """

    taken: datetime
    clock: str
    status: int
    values: tuple[Value, ...]
    doubts: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class TrackPage:
    """Readings that have telegrams, in the order in which they were taken; `after` is None on the last page."""

    tracks: tuple[Track, ...]
    after: Cursor | None


class Count(NamedTuple):
    """Slots expected in a time, of which so many have a sound reading and so many a value of the meter's memory."""

    expected: int
    received: int
    recalled: int


class Viewing(Protocol):
    """Few values of many readings."""

    async def tracks(
        self,
        meter: int,
        registers: Sequence[Register],
        since: datetime,
        until: datetime,
        *,
        after: Cursor | None = None,
        limit: int = 10_000,
    ) -> TrackPage:
        """Give what registers of a meter were, page by page; `limit` counts readings. See `Queries.readings`."""

    async def readings_back(
        self,
        meter: int,
        since: datetime,
        until: datetime,
        *,
        before: Cursor | None = None,
        limit: int = 100,
        with_raw: bool = False,
    ) -> ReadingPage:
        """Give readings of a meter page by page, the newest first; `after` of a page is `before` of the next one."""

    async def counts(
        self, edges: Sequence[datetime], *, serial: str | None = None, meters: Iterable[int] | None = None
    ) -> Mapping[int, tuple[Count, ...]]:
        """Give for each meter how complete it is between each two edges; otherwise as `Queries.completeness`."""
