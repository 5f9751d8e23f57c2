"""Giving up what is old, giving room back to the disk, and backups, as the file has them."""

from datetime import datetime
from pathlib import Path

from mbusheadend.store.readings import Extent, Pruned
from mbusheadend.store.sql.moments import moment_of, stored
from mbusheadend.store.sql.upkeep import CHUNK, SqlUpkeep, prune_fleet, prune_raw
from mbusheadend.store.sqlite.connection import SqliteConnection
from mbusheadend.store.sqlite.database import Database


class SqliteUpkeep(SqlUpkeep):
    """See `mbusheadend.store.protocol.Upkeep`."""

    _file: Database

    async def prune(
        self, *, raw_before: datetime | None, readings_before: datetime | None, limit: int = CHUNK
    ) -> Pruned:
        """See the protocol."""

        def work(connection: SqliteConnection) -> Pruned:
            raw, is_complete = 0, True
            if raw_before is not None:
                raw, is_complete = prune_raw(connection, stored(raw_before), limit)
            gone = quarantined = 0
            if readings_before is not None:
                limit_moment = stored(readings_before)
                gone = connection.execute(
                    "DELETE FROM reading WHERE number IN (SELECT number FROM reading ORDER BY number LIMIT ?)"
                    " AND taken + received < ?",
                    (limit, limit_moment),
                ).rowcount
                prune_fleet(connection, limit_moment)
                quarantined = connection.execute(
                    "DELETE FROM quarantine WHERE received < ?", (limit_moment,)
                ).rowcount
            return Pruned(raw, gone, quarantined, is_complete and gone < limit)

        return await self._file.write(work)

    async def shrink(self, pages: int = CHUNK) -> int:
        """See the protocol."""

        def work(connection: SqliteConnection) -> int:
            (is_possible,) = connection.raw.execute("PRAGMA auto_vacuum").fetchone()
            if not is_possible:
                return 0
            connection.raw.execute(f"PRAGMA incremental_vacuum({int(pages)})").fetchall()
            return _bytes_of(connection, "freelist_count")

        return await self._file.write(work)

    async def extent(self) -> Extent:
        """See the protocol."""

        def work(connection: SqliteConnection) -> Extent:
            row = connection.raw.execute(
                "SELECT number, taken + received AS arrived FROM reading ORDER BY number DESC LIMIT 1"
            ).fetchone()
            return Extent(
                _bytes_of(connection, "page_count"),
                _bytes_of(connection, "freelist_count"),
                None if row is None else moment_of(row["arrived"]),
            )

        return await self._file.read(work)

    async def back_up(self, path: Path) -> None:
        """See the protocol."""
        await self._file.copy_to(path)


def _bytes_of(connection: SqliteConnection, pages: str) -> int:
    """Give the size of pages that a pragma counts."""
    size, count = (
        connection.raw.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in ("page_size", pages)
    )
    return int(size * count)
