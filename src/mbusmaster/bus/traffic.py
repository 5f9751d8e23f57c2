"""The bus monitor: what was on the bus, kept for a while and told to whoever watches.

While nobody watches, a transaction costs one small object. Decoding is left to those who show it (`mbusmaster.bus.describing`).
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Final, Self

from mbus.link.frames import ACK
from mbus.link.transaction import Ack, Garbled, Outcome, Reply, Silence
from mbusmaster.bus.carried import Carried
from mbusmaster.bus.requests import MasterFrame
from mbusmaster.bus.stations import MeterName, Station

MAX_ENTRIES: Final = 2000
MAX_BYTES: Final = 512 * 1024
"""Of requests and answers that are kept."""
MAX_UNSEEN: Final = 256
"""Entries that one watcher may leave waiting; then the oldest are lost to it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One transaction.

    :ivar number: counts up; gaps show what a watcher has lost.
    :ivar at: when it ended, UTC.
    :ivar client: name of the client.
    :ivar frame: what was sent; not in the `repr`, like the answer, as both may hold secrets.
    :ivar seconds: how long it took, quiet after it included.
    :ivar own: the client asked for it; else it was put in front of what the client asked.
    :ivar station: whom it was with.
    """

    number: int
    at: datetime
    client: str
    frame: MasterFrame = field(repr=False)
    outcome: Outcome = field(repr=False)
    seconds: float
    baud: int
    own: bool
    station: Station

    @property
    def answer(self) -> bytes:
        """The bytes that came, without late ones of answers before."""
        match self.outcome:
            case Ack():
                return bytes((ACK,))
            case Reply():
                return self.outcome.noise + self.outcome.frame.to_bytes()
            case Garbled(data):
                return data
            case Silence():
                return b""

    @property
    def result(self) -> str:
        """One word or two: acknowledged, answered, silence, or what was wrong."""
        match self.outcome:
            case Ack():
                return "acknowledged"
            case Reply():
                return "answered"
            case Garbled(_, why):
                return str(why)
            case Silence():
                return "silence"


class Watch:
    """Live entries for one watcher: an async iterator, and a context manager that ends it.

    :ivar lost: entries that this watcher was too slow for.
    """

    def __init__(self, traffic: "Traffic", meter: MeterName | None) -> None:
        self.lost = 0
        self._traffic = traffic
        self._meter = meter
        self._unseen: deque[Entry] = deque()
        self._wake = asyncio.Event()
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Entry:
        """Give the next entry, waiting for it; ends when the watch is closed."""
        while not self._unseen:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._unseen.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it; what waits can still be read."""
        self._closed = True
        self._traffic.end(self)
        self._wake.set()

    def offer(self, entries: Iterable[Entry]) -> None:
        """Take those entries that are wanted."""
        for entry in entries:
            if self._meter is None or entry.station.is_meter(self._meter):
                self._unseen.append(entry)
                if len(self._unseen) > MAX_UNSEEN:
                    self._unseen.popleft()
                    self.lost += 1
                self._wake.set()


class Traffic:
    """The last transactions of a bus, and those to come.

    :param entries: so many are kept at most.
    :param size: so many bytes of frames at most.
    """

    def __init__(self, entries: int = MAX_ENTRIES, size: int = MAX_BYTES) -> None:
        self._limit = entries
        self._size_limit = size
        self._entries: deque[Entry] = deque()
        self._size = 0
        self._number = 0
        self._watches: tuple[Watch, ...] = ()

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watches)

    def last(self, count: int = 100, meter: MeterName | None = None) -> tuple[Entry, ...]:
        """Give the last entries, of one meter where one is named, the oldest first."""
        found: deque[Entry] = deque(maxlen=count)
        found.extend(entry for entry in self._entries if meter is None or entry.station.is_meter(meter))
        return tuple(found)

    def watch(self, meter: MeterName | None = None, *, after: int | None = None) -> Watch:
        """Watch what comes, of one meter where one is named.

        :param after: number of the last entry that the watcher knows; the ones behind it that are still kept come first.
        """
        watch = Watch(self, meter)
        if after is not None:
            watch.offer(entry for entry in self._entries if entry.number > after)
        self._watches = (*self._watches, watch)
        return watch

    def end(self, watch: Watch) -> None:
        """A watch is over."""
        self._watches = tuple(one for one in self._watches if one is not watch)

    def carried(self, carried: Carried, station: Station, at: datetime) -> None:
        """A transaction with `station` has ended at `at`."""
        self._number += 1
        entry = Entry(
            self._number,
            at,
            carried.client,
            carried.request.frame,
            carried.outcome,
            carried.seconds,
            carried.baud,
            carried.own,
            station,
        )
        self._entries.append(entry)
        self._size += _size(entry)
        while len(self._entries) > self._limit or self._size > self._size_limit:
            self._size -= _size(self._entries.popleft())
        for watch in self._watches:
            watch.offer((entry,))


def _size(entry: Entry) -> int:
    return len(entry.frame.to_bytes()) + len(entry.answer)
