"""What is done to readings later: decoding again, giving up what is old."""

from datetime import datetime
from typing import Final

from mbusheadend.decoding.raw import unpack_frames
from mbusheadend.decoding.telegrams import DECODER
from mbusheadend.store.readings import Redecoded
from mbusheadend.store.sql.connection import Connection, Database, Row
from mbusheadend.store.sql.intake import Taker
from mbusheadend.store.sql.interned import Readable
from mbusheadend.store.sql.keys import Keys
from mbusheadend.store.sql.moments import stored
from mbusheadend.store.sql.progress import progress_of, put_progress
from mbusheadend.store.sql.rows import find_meter

CHUNK: Final = 500
"""Readings that are changed in one transaction, so that intake never waits for long."""
_FOREVER: Final = 1 << 60


class SqlUpkeep:
    """See `mbusheadend.store.protocol.Upkeep`."""

    _database: Database
    _taker: Taker
    _keys: Keys

    async def set_key(self, meter: int, key: bytes | None) -> None:
        """See the protocol."""

        def work(connection: Connection) -> None:
            self._keys.put(connection, meter, key)

        await self._database.write(work)

    async def closed_keys(self) -> int:
        """See the protocol."""
        return await self._database.read(self._keys.closed)

    def _hold_intake(self, connection: Connection) -> None:
        """Let no reading come in between this and the end of the transaction; nothing to do where only one thread writes."""

    async def redecode(self, limit: int = CHUNK) -> Redecoded:
        """See the protocol."""

        # Another decoder begins at the beginning.
        job = f"redecode {DECODER}"

        def work(connection: Connection) -> Redecoded:
            begin = progress_of(connection, job)
            rows = connection.execute(
                "SELECT * FROM reading WHERE number > ? ORDER BY number LIMIT ?", (begin, limit)
            ).fetchall()
            changed = self._redecode(connection, [row for row in rows if row["decoder"] != DECODER])
            is_complete = len(rows) < limit
            put_progress(connection, job, rows[-1]["number"] if rows else begin)
            return Redecoded(len(rows), changed, is_complete)

        return await self._database.write(work)

    async def redecode_meter(
        self, meter: int, after: tuple[int, int] | None = None, limit: int = CHUNK
    ) -> tuple[Redecoded, tuple[int, int] | None]:
        """See the protocol."""

        def work(connection: Connection) -> tuple[Redecoded, tuple[int, int] | None]:
            rows = []
            for row in connection.readings_of(meter, -_FOREVER, _FOREVER, after=after):
                rows.append(row)
                if len(rows) == limit:
                    break
            changed = self._redecode(connection, rows)
            is_complete = len(rows) < limit
            last = after if not rows else (rows[-1]["taken"], rows[-1]["number"])
            return Redecoded(len(rows), changed, is_complete), None if is_complete else last

        return await self._database.write(work)

    def _redecode(self, connection: Connection, rows: list[Row]) -> int:
        """Decode these again from their raw telegrams; without those, what was said stays, and by which decoder."""
        readable = Readable(connection)
        changed = 0
        for row in rows:
            if row["raw"] is None:
                continue
            frames = tuple(unpack_frames(row["raw"], readable.base))
            key = self._keys.key_of(connection, row["meter"])
            said = self._taker.said(connection, row["meter"], frames, key)
            connection.execute(
                "UPDATE reading SET said = ?, decoder = ? WHERE number = ? AND taken = ?",
                (said, DECODER, row["number"], row["taken"]),
            )
            changed += said != row["said"]
        return changed

    async def delete_meter(self, number: int) -> None:
        """See the protocol."""

        def some(connection: Connection) -> int:
            self._hold_intake(connection)
            rows = []
            for row in connection.readings_of(number, -_FOREVER, _FOREVER):
                rows.append((row["number"], row["taken"]))
                if len(rows) == CHUNK:
                    break
            connection.executemany("DELETE FROM reading WHERE number = ? AND taken = ?", rows)
            if len(rows) < CHUNK:
                connection.execute("DELETE FROM meter WHERE id = ?", (number,))
                # Numbers at the end may be given again: nothing may believe that it has been there already.
                connection.execute(
                    "UPDATE progress SET number = least(number, (SELECT coalesce(max(number), 0) FROM reading))"
                )
                self._taker.clear()
            return len(rows)

        await self._database.read(lambda connection: find_meter(connection, number))
        while await self._database.write(some) == CHUNK:
            pass

    async def forget_lapsed(self, before: datetime) -> int:
        """See the protocol."""
        moment = stored(before)

        def work(connection: Connection) -> int:
            tokens = connection.execute("DELETE FROM token WHERE coalesce(used, expires) < ?", (moment,))
            certificates = connection.execute(
                "DELETE FROM certificate WHERE not_after < ?1 AND EXISTS (SELECT 1 FROM certificate AS later"
                " WHERE later.serial = certificate.serial AND later.not_after > certificate.not_after)",
                (moment,),
            )
            return tokens.rowcount + certificates.rowcount

        return await self._database.write(work)


def prune_fleet(connection: Connection, before: int) -> None:
    """Forget commands that were settled and expectations that ended before a time: nothing is left to compare them with."""
    connection.execute(
        "DELETE FROM command WHERE state NOT IN ('waiting', 'sent') AND changed < ?", (before,)
    )
    connection.execute("DELETE FROM expectation WHERE until < ?", (before,))


def prune_raw(connection: Connection, before: int, limit: int) -> tuple[int, bool]:
    """Give up raw telegrams in the order in which they came, and bases that only those had needed.

    Give how many, and whether that were all.
    """
    begin = progress_of(connection, "prune")
    rows = connection.execute(
        "SELECT number, taken + received AS arrived FROM reading WHERE number > ? ORDER BY number LIMIT ?",
        (begin, limit),
    ).fetchall()
    end, is_complete = begin, len(rows) < limit
    for row in rows:
        if row["arrived"] >= before:
            is_complete = True
            break
        end = row["number"]
    found = connection.execute(
        "UPDATE reading SET raw = NULL WHERE number > ? AND number <= ? AND raw IS NOT NULL", (begin, end)
    )
    connection.execute("DELETE FROM base WHERE superseded IS NOT NULL AND superseded <= ?", (end,))
    put_progress(connection, "prune", end)
    return found.rowcount, is_complete
