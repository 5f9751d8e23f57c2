"""What is done to readings later: decoding again, giving up what is old, backups."""

import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Final

from mbusheadend.decoding.raw import unpack_frames
from mbusheadend.decoding.telegrams import DECODER
from mbusheadend.store.readings import Extent, Pruned, Redecoded
from mbusheadend.store.sqlite.database import Database
from mbusheadend.store.sqlite.found import rows_of
from mbusheadend.store.sqlite.intake import Taker
from mbusheadend.store.sqlite.interned import Readable
from mbusheadend.store.sqlite.keys import Keys
from mbusheadend.store.sqlite.moments import moment_of, stored
from mbusheadend.store.sqlite.rows import find_meter

CHUNK: Final = 500
"""Readings that are changed in one transaction, so that intake never waits for long."""
_FOREVER: Final = 1 << 60


class SqliteUpkeep:
    """See `mbusheadend.store.protocol.Upkeep`."""

    _database: Database
    _taker: Taker
    _keys: Keys

    async def set_key(self, meter: int, key: bytes | None) -> None:
        """See the protocol."""
        await self._database.write(lambda connection: self._keys.put(connection, meter, key))

    async def closed_keys(self) -> int:
        """See the protocol."""
        return await self._database.read(self._keys.closed)

    async def redecode(self, limit: int = CHUNK) -> Redecoded:
        """See the protocol."""

        # Another decoder begins at the beginning.
        job = f"redecode {DECODER}"

        def work(connection: sqlite3.Connection) -> Redecoded:
            row = connection.execute("SELECT number FROM progress WHERE job = ?", (job,)).fetchone()
            begin = 0 if row is None else row["number"]
            rows = connection.execute(
                "SELECT * FROM reading WHERE number > ? ORDER BY number LIMIT ?", (begin, limit)
            ).fetchall()
            changed = self._redecode(connection, [row for row in rows if row["decoder"] != DECODER])
            is_complete = len(rows) < limit
            connection.execute(
                "INSERT OR REPLACE INTO progress (job, number) VALUES (?, ?)",
                (job, rows[-1]["number"] if rows else begin),
            )
            return Redecoded(len(rows), changed, is_complete)

        return await self._database.write(work)

    async def redecode_meter(
        self, meter: int, after: tuple[int, int] | None = None, limit: int = CHUNK
    ) -> tuple[Redecoded, tuple[int, int] | None]:
        """See the protocol."""

        def work(connection: sqlite3.Connection) -> tuple[Redecoded, tuple[int, int] | None]:
            rows = []
            for row in rows_of(connection, meter, -_FOREVER, _FOREVER, after):
                rows.append(row)
                if len(rows) == limit:
                    break
            changed = self._redecode(connection, rows)
            is_complete = len(rows) < limit
            last = after if not rows else (rows[-1]["taken"], rows[-1]["number"])
            return Redecoded(len(rows), changed, is_complete), None if is_complete else last

        return await self._database.write(work)

    def _redecode(self, connection: sqlite3.Connection, rows: list[sqlite3.Row]) -> int:
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
                "UPDATE reading SET said = ?, decoder = ? WHERE number = ?", (said, DECODER, row["number"])
            )
            changed += said != row["said"]
        return changed

    async def prune(
        self, *, raw_before: datetime | None, readings_before: datetime | None, limit: int = CHUNK
    ) -> Pruned:
        """See the protocol."""

        def work(connection: sqlite3.Connection) -> Pruned:
            raw, is_complete = 0, True
            if raw_before is not None:
                raw, is_complete = _prune_raw(connection, stored(raw_before), limit)
            gone = quarantined = 0
            if readings_before is not None:
                limit_moment = stored(readings_before)
                gone = connection.execute(
                    "DELETE FROM reading WHERE number IN (SELECT number FROM reading ORDER BY number LIMIT ?)"
                    " AND taken + received < ?",
                    (limit, limit_moment),
                ).rowcount
                _prune_fleet(connection, limit_moment)
                quarantined = connection.execute(
                    "DELETE FROM quarantine WHERE received < ?", (limit_moment,)
                ).rowcount
            return Pruned(raw, gone, quarantined, is_complete and gone < limit)

        return await self._database.write(work)

    async def delete_meter(self, number: int) -> None:
        """See the protocol."""

        def some(connection: sqlite3.Connection) -> int:
            rows = []
            for row in rows_of(connection, number, -_FOREVER, _FOREVER):
                rows.append((row["number"],))
                if len(rows) == CHUNK:
                    break
            connection.executemany("DELETE FROM reading WHERE number = ?", rows)
            if len(rows) < CHUNK:
                connection.execute("DELETE FROM meter WHERE id = ?", (number,))
                # The numbers at the end are given again: nothing may believe that it has been there already.
                connection.execute(
                    "UPDATE progress SET number = min(number, (SELECT coalesce(max(number), 0) FROM reading))"
                )
                self._taker.clear()
            return len(rows)

        await self._database.read(lambda connection: find_meter(connection, number))
        while await self._database.write(some) == CHUNK:
            pass

    async def forget_lapsed(self, before: datetime) -> int:
        """See the protocol."""
        moment = stored(before)

        def work(connection: sqlite3.Connection) -> int:
            tokens = connection.execute("DELETE FROM token WHERE coalesce(used, expires) < ?", (moment,))
            certificates = connection.execute(
                "DELETE FROM certificate WHERE not_after < ?1 AND EXISTS (SELECT 1 FROM certificate AS later"
                " WHERE later.serial = certificate.serial AND later.not_after > certificate.not_after)",
                (moment,),
            )
            return tokens.rowcount + certificates.rowcount

        return await self._database.write(work)

    async def shrink(self, pages: int = CHUNK) -> int:
        """See the protocol."""

        def work(connection: sqlite3.Connection) -> int:
            (is_possible,) = connection.execute("PRAGMA auto_vacuum").fetchone()
            if not is_possible:
                return 0
            connection.execute(f"PRAGMA incremental_vacuum({int(pages)})").fetchall()
            return _bytes_of(connection, "freelist_count")

        return await self._database.write(work)

    async def extent(self) -> Extent:
        """See the protocol."""

        def work(connection: sqlite3.Connection) -> Extent:
            row = connection.execute(
                "SELECT number, taken + received AS arrived FROM reading ORDER BY number DESC LIMIT 1"
            ).fetchone()
            return Extent(
                _bytes_of(connection, "page_count"),
                _bytes_of(connection, "freelist_count"),
                None if row is None else moment_of(row["arrived"]),
            )

        return await self._database.read(work)

    async def back_up(self, path: Path) -> None:
        """See the protocol."""
        await self._database.copy_to(path)


def _bytes_of(connection: sqlite3.Connection, pages: str) -> int:
    """Give the size of pages that a pragma counts."""
    size, count = (connection.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in ("page_size", pages))
    return int(size * count)


def _prune_fleet(connection: sqlite3.Connection, before: int) -> None:
    """Forget commands that were settled and expectations that ended before a time: nothing is left to compare them with."""
    connection.execute(
        "DELETE FROM command WHERE state NOT IN ('waiting', 'sent') AND changed < ?", (before,)
    )
    connection.execute("DELETE FROM expectation WHERE until < ?", (before,))


def _prune_raw(connection: sqlite3.Connection, before: int, limit: int) -> tuple[int, bool]:
    """Give up raw telegrams in the order in which they came, and bases that only those had needed.

    Give how many, and whether that were all.
    """
    row = connection.execute("SELECT number FROM progress WHERE job = 'prune'").fetchone()
    begin = 0 if row is None else row["number"]
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
    connection.execute("INSERT OR REPLACE INTO progress (job, number) VALUES ('prune', ?)", (end,))
    return found.rowcount, is_complete
