"""Taking batches in: those that wait together are stored together, in one transaction, on the disk when they are receipted.

One thread packs: it finds out whose the readings are and what they say, with what it remembers, and seldom needs the server. The
other one stores what is packed while the next ones are being packed: it copies them into a temporary table, takes their numbers
(which keeps others from theirs until these readings can be seen, so that numbers become visible in their order) and adds what is
not there yet.

What was packed by what another process has changed meanwhile is packed again: a key, a meter that was deleted.
"""

import asyncio
import logging
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from queue import Queue
from typing import Final

from psycopg import errors

from mbusheadend.store.errors import StoreError, WrongOwnerError
from mbusheadend.store.postgres.database import Database, Line
from mbusheadend.store.postgres.packing import Delivery, Packed, Packer, Stale
from mbusheadend.store.postgres.partitions import Partitions
from mbusheadend.store.postgres.storing import StaleError, Storer
from mbusheadend.store.sql.intake import NOT_OURS
from mbusheadend.store.sql.keys import Keys
from mbusheadend.store.sql.moments import stored
from mbushosting.readings import Batch, Receipt

MAX_GROUP: Final = 4000
"""Readings that are stored in one transaction."""
_ATTEMPTS: Final = 5
"""Of packing what others change each time."""

_log = logging.getLogger(__name__)


class PostgresIntake:
    """See `mbusheadend.store.protocol.Intake`."""

    _intake: "Intake"

    async def take(self, serial: str, batch: Batch, received: datetime) -> Receipt:
        """See the protocol."""
        if batch.serial_number != serial:
            raise WrongOwnerError(f"the master {serial} delivered for {batch.serial_number}")
        return await asyncio.wrap_future(self._intake.submit(batch, stored(received)))


@dataclass(slots=True)
class _Group:
    """Batches that are stored together."""

    deliveries: list[Delivery]
    attempts: int = 0
    stale: Stale | None = None


class Intake:
    """The two threads and what lies between them. They begin with the first batch."""

    def __init__(self, database: Database, keys: Keys, partitions: Partitions) -> None:
        self._database = database
        self._waiting: deque[Delivery] = deque()
        self._again: deque[_Group] = deque()
        self._under_way = 0
        self._news = threading.Condition()
        self._is_closing = False
        self._threads: tuple[threading.Thread, ...] = ()
        self._packed: Queue[tuple[_Group, Packed] | None] = Queue(1)
        self._packer = Packer(database, Line(database.server), keys)
        self._storer = Storer(database, Line(database.server), partitions)

    def submit(self, batch: Batch, arrived: int) -> Future[Receipt]:
        """Have a batch stored; the future has its receipt, `UnknownError` or `StoreError`. It cannot be cancelled."""
        delivery = Delivery(batch, arrived)
        delivery.future.set_running_or_notify_cancel()
        with self._news:
            if self._is_closing:
                raise StoreError("the store is closed")
            if not self._threads:
                self._threads = tuple(
                    threading.Thread(target=work, name=name, daemon=True)
                    for work, name in ((self._pack_all, "store-packer"), (self._store_all, "store-intake"))
                )
                for thread in self._threads:
                    thread.start()
            self._waiting.append(delivery)
            self._news.notify_all()
        return delivery.future

    def close(self) -> None:
        """Store what waits, and end."""
        with self._news:
            self._is_closing = True
            self._news.notify_all()
        for thread in self._threads:
            thread.join()
        self._packer.close()
        self._storer.close()

    def _next(self) -> _Group | None:
        """Wait for the next group; None at the end."""
        with self._news:
            self._news.wait_for(self._has_next)
            if self._again:
                group = self._again.popleft()
            elif self._waiting:
                group = _Group([])
                size = 0
                while self._waiting and (not size or size + _size(self._waiting[0]) <= MAX_GROUP):
                    size += _size(self._waiting[0])
                    group.deliveries.append(self._waiting.popleft())
            else:
                return None
            self._under_way += 1
            return group

    def _has_next(self) -> bool:
        return bool(self._again or self._waiting) or (self._is_closing and not self._under_way)

    def _done(self) -> None:
        with self._news:
            self._under_way -= 1
            self._news.notify_all()

    def _pack_all(self) -> None:
        while (group := self._next()) is not None:
            try:
                packed = self._packer.pack(group.deliveries, group.stale)
            except Exception as error:
                self._failed(group, error)
                self._done()
            else:
                self._packed.put((group, packed))
        self._packed.put(None)

    def _store_all(self) -> None:
        while (one := self._packed.get()) is not None:
            group, packed = one
            try:
                foreign = self._storer.store(packed)
            except StaleError as error:
                self._repeat(group, error.stale)
            except Exception as error:
                self._failed(group, error)
            else:
                for delivery in packed.deliveries:
                    _receipt(delivery, foreign)
            self._done()

    def _repeat(self, group: _Group, stale: Stale) -> None:
        if group.attempts >= _ATTEMPTS:
            self._failed(group, StoreError("others change the same meters all the time; nothing was stored"))
            return
        with self._news:
            self._again.append(_Group(group.deliveries, group.attempts + 1, stale))

    def _failed(self, group: _Group, error: Exception) -> None:
        if not isinstance(error, StoreError):
            _log.error("readings could not be stored", exc_info=error)
        if len(group.deliveries) > 1 and not isinstance(error.__cause__, errors.OperationalError):
            # It may be one of them alone.
            with self._news:
                self._again.extend(
                    _Group([delivery]) for delivery in group.deliveries if not delivery.future.done()
                )
            return
        for delivery in group.deliveries:
            if not delivery.future.done():
                delivery.future.set_exception(error)


def _size(delivery: Delivery) -> int:
    return len(delivery.batch.readings)


def _receipt(delivery: Delivery, foreign: set[bytes]) -> None:
    ids = dict.fromkeys(reading.id for reading in delivery.batch.readings)
    refused = {id: NOT_OURS for id in ids if id in delivery.refused or bytes.fromhex(id) in foreign}
    delivery.future.set_result(Receipt(stored=tuple(id for id in ids if id not in refused), refused=refused))
