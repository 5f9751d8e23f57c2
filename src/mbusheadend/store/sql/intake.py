"""Taking batches in: one transaction each, every reading once, whatever comes again or too late."""

import zlib
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from mbusheadend.decoding.telegrams import DECODER, pack_telegram
from mbusheadend.store.errors import WrongOwnerError
from mbusheadend.store.sql.connection import Connection, Database, Row
from mbusheadend.store.sql.interned import Bases, LayoutBook, Words
from mbusheadend.store.sql.keys import Keys
from mbusheadend.store.sql.moments import AHEAD, stored
from mbusheadend.store.sql.owners import ForeignError, Owners
from mbusheadend.store.sql.rows import find_master
from mbushosting.readings import Batch, Outcome, Reading, Receipt

OUTCOMES: Final = (
    Outcome.OK,
    Outcome.SILENT,
    Outcome.GARBLED,
    Outcome.BUS_DOWN,
    Outcome.INCOMPLETE,
)
"""By their numbers in the store; new ones are appended."""
NOT_OURS: Final = "another master delivered a reading with this id"
_INSERT: Final = """
INSERT INTO reading (number, id, master, meter, taken, slot, received, schedule, clock, outcome, attempts, baud, remark, decoder,
    raw, said)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_NEWEST: Final = f"""
UPDATE meter SET latest = ?1, latest_taken = ?2, last_seen = least(greatest(coalesce(last_seen, ?2), ?2), ?4)
WHERE id = ?3 AND (latest_taken IS NULL OR latest_taken <= ?2 OR latest_taken > ?4 + {AHEAD})
"""  # noqa: S608 - a constant


class SqlIntake:
    """See `mbusheadend.store.protocol.Intake`."""

    _database: Database
    _taker: "Taker"

    async def take(self, serial: str, batch: Batch, received: datetime) -> Receipt:
        """See the protocol."""
        if batch.serial_number != serial:
            raise WrongOwnerError(f"the master {serial} delivered for {batch.serial_number}")
        return await self._database.write(lambda connection: self._taker.take(connection, batch, received))


class Taker:
    """Stores readings. Lives in the writer's thread."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.words = Words()
        self.layouts = LayoutBook()
        self.bases = Bases()
        self.owners = Owners()

    def clear(self) -> None:
        """Forget what may have been undone."""
        for part in (self.words, self.layouts, self.bases, self.owners):
            part.clear()

    def take(self, connection: Connection, batch: Batch, received: datetime) -> Receipt:
        """Store a batch within a transaction, in which nothing else is stored."""
        master = find_master(connection, batch.serial_number)
        arrived = stored(received)
        number = connection.numbers_for(len(batch.readings))
        rows: dict[bytes, tuple[Any, ...]] = {}
        refused: dict[str, str] = {}
        self.bases.begin()
        for reading in batch.readings:
            id = bytes.fromhex(reading.id)
            owner = master["id"] if id in rows else owner_of(connection, id, stored(reading.taken))
            if owner not in (None, master["id"]):
                refused[reading.id] = NOT_OURS
            elif owner is None:
                try:
                    rows[id] = self._row(connection, master, reading, (number + len(rows), id, arrived))
                except ForeignError as error:
                    put_aside(connection, master["id"], reading, arrived, str(error))
        insert(connection, rows.values(), arrived)
        self.bases.settle(connection)
        receipted = dict.fromkeys(reading.id for reading in batch.readings if reading.id not in refused)
        return Receipt(stored=tuple(receipted), refused=refused)

    def _row(
        self,
        connection: Connection,
        master: Row,
        reading: Reading,
        key: tuple[int, bytes, int],
    ) -> tuple[Any, ...]:
        number, id, arrived = key
        taken = stored(reading.taken)
        meter = self.owners.owner(connection, master, reading, taken)
        raw = self.bases.pack(connection, meter, reading.telegrams, number) if reading.telegrams else None
        return (
            number,
            id,
            master["id"],
            meter,
            taken,
            stored(reading.slot) - taken,
            arrived - taken,
            self.words.number(connection, reading.schedule),
            self.words.number(connection, reading.clock),
            OUTCOMES.index(reading.outcome),
            reading.attempts,
            reading.baud,
            reading.remark or None,
            DECODER,
            raw,
            self.said(connection, meter, reading.telegrams, self._keys.key_if_it_opens(connection, meter)),
        )

    def said(
        self, connection: Connection, meter: int, frames: tuple[bytes, ...], key: bytes | None
    ) -> bytes | None:
        """Decode the telegrams of a reading to what is kept of them."""
        if not frames:
            return None
        packed = bytearray()
        self.layouts.begin(connection, meter)
        for frame in frames:
            pack_telegram(frame, key, self.layouts, packed)
        return bytes(packed)


def insert(connection: Connection, rows: Collection[tuple[Any, ...]], arrived: int) -> None:
    """Add rows of `reading`, and note which reading of each meter is the newest now."""
    connection.executemany(_INSERT, rows)
    connection.executemany(_NEWEST, _newest(rows, arrived))


def owner_of(connection: Connection, id: bytes, taken: int) -> int | None:
    """Tell which master has delivered a reading of this id; it is always the same one that was taken then."""
    row = connection.execute(
        "SELECT master FROM reading WHERE id = ?1 AND taken = ?2 UNION ALL SELECT master FROM quarantine WHERE id = ?1",
        (id, taken),
    ).fetchone()
    return None if row is None else row["master"]


def put_aside(connection: Connection, master: int, reading: Reading, arrived: int, reason: str) -> None:
    """Keep a reading of a meter that was not asked, for a person to look at."""
    body = zlib.compress(reading.model_dump_json().encode())
    connection.execute(
        "INSERT INTO quarantine (id, master, received, reason, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (bytes.fromhex(reading.id), master, arrived, reason, body),
    )


def _newest(rows: Any, arrived: int) -> list[tuple[int, int, int, int]]:
    newest: dict[int, tuple[int, int, int, int]] = {}
    for row in rows:
        number, meter, taken, outcome = row[0], row[3], row[4], row[9]
        if outcome == 0 and (meter not in newest or taken >= newest[meter][1]):
            newest[meter] = (number, taken, meter, arrived)
    return [*newest.values()]
