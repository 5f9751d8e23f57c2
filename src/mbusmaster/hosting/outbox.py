"""The readings that the head-end does not have yet, and behind them the history of those that it has.

A reading is on the disk before anybody counts on it, gets its id then, and waits until a receipt names it. Then it stays as
history for as long as the settings say, and goes out again when the head-end asks. Room is limited by a setting and by the disk;
when it is short

1. history goes, the oldest first;
2. then, with an alarm that stays, what waits, the oldest first, and is counted.

A small file beside keeps room for the moment when the disk is full: nothing can be taken out of a file without writing.
"""

import asyncio
import contextlib
import logging
import os
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mbushosting.contact import OutboxReport
from mbushosting.readings import MAX_BATCH, Reading, Receipt, new_id
from mbusmaster.hosting import rows
from mbusmaster.hosting.alarms import Alarms
from mbusmaster.hosting.database import Database, get_fact, milliseconds_of, moment_at, set_fact
from mbusmaster.hosting.errors import HostingFileError
from mbusmaster.hosting.packing import Patterns
from mbusmaster.hosting.rows import State
from mbusmaster.hosting.state import Outgoing
from mbusmaster.hosting.taken import Taken
from mbusweb.texts import Text, mark

DROPPED: Final = mark(
    "There is no more room for readings that the head-end does not have: %(count)s were given up, the oldest first."
)
NEARLY_FULL: Final = mark(
    "Readings that the head-end lacks take up %(percent)s percent of their room; when it is full, the oldest are given up."
)
DISK_FULL: Final = mark("The disk is full: history of readings was given up early, to store new ones.")
NOT_STORED: Final = mark("Readings cannot be stored: %(reason)s.")
REFUSED: Final = mark("The head-end refused %(count)s readings, the last one because: %(reason)s.")
MOST_BYTES: Final = 1 << 20
"""Of a batch as JSON, about; a single reading may have more."""
RESERVE_BYTES: Final = 2 << 20
"""Twice the write-ahead log."""
CHECK_EVERY: Final = 100
"""Readings between two looks at how much room is left."""
ALARM_SHARE: Final = 0.8
_DROP_STEP: Final = 500
_BYTES_BESIDE: Final = 450
"""Of a reading as JSON without its telegrams, at most, but for the longest of names."""
_DROPPED_FACT: Final = "dropped"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """Readings that go out together.

    :ivar numbers: of their rows, by id.
    """

    readings: tuple[Reading, ...]
    numbers: dict[str, int]


class Outbox:
    """Outbox and history in the file of hosted reading; `open` makes one.

    :param alarms: is told what is wrong.
    :param most_bytes: room in the file.
    :ivar arrived: set while readings wait; for whoever delivers them.
    """

    def __init__(self, database: Database, alarms: Alarms, *, most_bytes: int) -> None:
        self.arrived = asyncio.Event()
        self.most_bytes = most_bytes
        self._database = database
        self._alarms = alarms
        self._patterns = Patterns()
        self._reserve = database.path.with_suffix(".reserve")
        self._counts = dict.fromkeys(State, 0)
        self._dropped = 0
        self._refused = 0
        self._until_check = 0

    async def open(self) -> None:
        """Begin; raise `HostingFileError`."""

        def look(connection: sqlite3.Connection) -> tuple[dict[State, int], int]:
            return rows.count(connection), int(get_fact(connection, _DROPPED_FACT) or 0)

        self._counts, self._dropped = await self._database.read(look)
        await self._database.read(lambda _: self._make_reserve())
        self._show_dropped()
        self._tell_arrived()

    @property
    def waiting(self) -> int:
        """Readings that the head-end does not have."""
        return self._counts[State.WAITING]

    @property
    def kept(self) -> Outgoing:
        """How many readings there are."""
        history = self._counts[State.KEPT] + self._counts[State.AGAIN]
        return Outgoing(self.waiting, history, self._dropped)

    @property
    def outgoing(self) -> int:
        """Those, and history that it wants again."""
        return self._counts[State.WAITING] + self._counts[State.AGAIN]

    async def store(self, taken: Taken) -> str:
        """Keep a reading for good; give its id. Raise `HostingFileError` when that cannot be."""
        id = new_id(taken.taken)
        try:
            await self._store(taken, bytes.fromhex(id))
        except HostingFileError as error:
            self._until_check = 0
            self._alarms.begin("store", Text(NOT_STORED, {"reason": str(error)}))
            raise
        self._alarms.end("store")
        self._counts[State.WAITING] += 1
        self._tell_arrived()
        return id

    async def parcel(self, most: int = MAX_BATCH, skip: Collection[str] = ()) -> Parcel:
        """Give what should go out next, the oldest first, and history that is wanted again behind what is new.

        :param skip: ids of a few readings that are passed over.
        """
        limit = most + len(skip)

        def look(connection: sqlite3.Connection) -> list[tuple[int, Reading]]:
            found = rows.oldest(connection, State.WAITING, limit)
            if len(found) <= len(skip):
                found += rows.oldest(connection, State.AGAIN, limit)
            return found

        found = await self._database.read(look)
        size = 0
        chosen: list[tuple[int, Reading]] = []
        for number, reading in found:
            if reading.id in skip:
                continue
            size += _BYTES_BESIDE + sum(len(telegram) * 3 // 2 for telegram in reading.telegrams)
            if len(chosen) == most or (chosen and size > MOST_BYTES):
                break
            chosen.append((number, reading))
        if not chosen:
            self.arrived.clear()
        return Parcel(
            tuple(reading for _, reading in chosen), {reading.id: number for number, reading in chosen}
        )

    async def settle(self, parcel: Parcel, receipt: Receipt) -> None:
        """The head-end has said what became of a parcel."""
        done = [parcel.numbers[id] for id in {*receipt.stored, *receipt.refused} if id in parcel.numbers]
        waited = await self._database.change(lambda connection: rows.keep(connection, done))
        self._counts[State.WAITING] -= waited
        self._counts[State.AGAIN] -= len(done) - waited
        self._counts[State.KEPT] += len(done)
        refused = [id for id in receipt.refused if id in parcel.numbers]
        if refused:
            self._refused += len(refused)
            reason = receipt.refused[refused[-1]][:200]
            self._alarms.begin("refused", Text(REFUSED, {"count": self._refused, "reason": reason}))
        self._tell_arrived()

    async def send_again(
        self, since: datetime | None, until: datetime | None, meters: Collection[tuple[str, str]] = ()
    ) -> int:
        """Let history of a time go out again, of some meters or of all; give how many readings."""
        first = 0 if since is None else milliseconds_of(since)
        last = 1 << 62 if until is None else milliseconds_of(until)
        total = 0
        while True:
            moved = await self._database.change(
                lambda connection: rows.send_again(connection, first, last, meters)
            )
            total += moved
            self._counts[State.KEPT] -= moved
            self._counts[State.AGAIN] += moved
            self._tell_arrived()
            if moved < rows.PURGE_STEP:
                return total

    async def purge(self, before: datetime) -> int:
        """Take history out that is older than a moment; give how many readings."""
        total = 0
        while True:
            gone = await self._database.change(
                lambda connection: rows.purge(connection, milliseconds_of(before))
            )
            total += gone
            self._counts[State.KEPT] -= gone
            if gone < rows.PURGE_STEP:
                break

        def tidy(connection: sqlite3.Connection) -> None:
            rows.tidy(connection)
            self._patterns.forget()

        await self._database.change(tidy)
        await self.keep_to_room()
        return total

    async def keep_to_room(self) -> None:
        """See that no more room is taken than there may be; make the reserve again where it was used up."""
        used = await self._database.read(rows.used_bytes)
        while used > self.most_bytes and await self._drop():
            used = await self._database.read(rows.used_bytes)
        total = sum(self._counts.values())
        share = used / self.most_bytes * (self.waiting / total if total else 0.0)
        if share >= ALARM_SHARE:
            self._alarms.begin("nearly full", Text(NEARLY_FULL, {"percent": min(100, int(100 * share))}))
        else:
            self._alarms.end("nearly full")
        if await self._database.read(lambda _: self._make_reserve()):
            self._alarms.end("disk")

    async def report(self) -> OutboxReport:
        """Tell what waits and what is kept."""

        def look(connection: sqlite3.Connection) -> tuple[int | None, int | None]:
            return rows.first_taken(connection, State.WAITING), rows.first_taken(connection, State.KEPT)

        oldest, kept_since = await self._database.read(look)
        return OutboxReport(
            waiting=self.waiting,
            oldest=None if oldest is None else moment_at(oldest),
            kept=self.kept.kept,
            kept_since=None if kept_since is None else moment_at(kept_since),
            dropped=self._dropped,
        )

    async def _store(self, taken: Taken, id: bytes) -> None:
        def insert(connection: sqlite3.Connection) -> None:
            rows.insert(connection, taken, id, self._patterns)

        try:
            self._until_check -= 1
            if self._until_check < 0:
                await self.keep_to_room()
                self._until_check = CHECK_EVERY
            await self._database.change(insert, undone=self._patterns.forget)
        except HostingFileError as error:
            if not error.full:
                raise
            await self._make_room_on_disk()
            await self._database.change(insert, undone=self._patterns.forget)

    async def _make_room_on_disk(self) -> None:
        """The disk is full: give up history, else what waits longest."""
        await self._database.read(self._use_reserve)
        if self._counts[State.KEPT] or self._counts[State.AGAIN]:
            self._alarms.begin("disk", Text(DISK_FULL))
        if not await self._drop():
            raise HostingFileError("the disk is full, and nothing can be given up", full=True)

    async def _drop(self) -> bool:
        """Give up some readings, the least needed ones; tell whether there were any."""
        for state in (State.KEPT, State.AGAIN, State.WAITING):
            if self._counts[state]:
                if state is State.WAITING:
                    await self._drop_waiting()
                    return True
                gone = await self._database.change(
                    lambda connection, state=state: rows.drop_oldest(connection, state, _DROP_STEP)  # type: ignore[misc]
                )
                self._counts[state] -= gone
                _log.info("hosted reading: %d readings of the history were given up for lack of room", gone)
                return True
        return False

    async def _drop_waiting(self) -> None:
        count = min(_DROP_STEP, max(1, self.waiting // 20))
        self._show_dropped(count)

        def drop(connection: sqlite3.Connection) -> int:
            gone = rows.drop_oldest(connection, State.WAITING, count)
            set_fact(connection, _DROPPED_FACT, str(self._dropped + gone))
            return gone

        gone = await self._database.change(drop)
        self._counts[State.WAITING] -= gone
        self._dropped += gone

    def _show_dropped(self, more: int = 0) -> None:
        if self._dropped + more:
            self._alarms.begin("dropped", Text(DROPPED, {"count": self._dropped + more}))

    def _tell_arrived(self) -> None:
        if self._counts[State.WAITING] or self._counts[State.AGAIN]:
            self.arrived.set()

    def _use_reserve(self, connection: sqlite3.Connection) -> None:
        """Work off the write-ahead log, so that its room can be written again."""
        self._reserve.unlink(missing_ok=True)
        with contextlib.suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def _make_reserve(self) -> bool:
        """Keep room on the disk; tell whether there is any."""
        if self._reserve.exists():
            return True
        try:
            file = os.open(self._reserve, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(file, 0, RESERVE_BYTES)
            finally:
                os.close(file)
        except OSError:
            # What could not be made whole helps nobody.
            self._reserve.unlink(missing_ok=True)
            return False
        return True
