"""Giving up what is old, and how big the store is, as a server has it."""

import asyncio
import contextlib
from datetime import datetime
from pathlib import Path
from typing import Final

import psycopg

from mbusheadend.store.errors import StoreError, StoreRefusedError
from mbusheadend.store.postgres.compacting import compact, sparse
from mbusheadend.store.postgres.connection import PostgresConnection, Raw
from mbusheadend.store.postgres.database import Database
from mbusheadend.store.postgres.partitions import Partition, Partitions, drop, present, utc_now
from mbusheadend.store.readings import Extent, Pruned
from mbusheadend.store.sql.arrivals import number_before
from mbusheadend.store.sql.connection import Connection
from mbusheadend.store.sql.moments import moment_of, stored
from mbusheadend.store.sql.upkeep import CHUNK, SqlUpkeep, prune_fleet, prune_raw

BIG: Final = 1_000_000
"""Rows of a partition that is not emptied one by one: it is dropped when all in it is old."""
_DELETE: Final = """
DELETE FROM reading USING (
    SELECT number, taken FROM reading WHERE number <= $1 AND tableoid <> ALL($2::bigint[]::oid[]) ORDER BY number LIMIT $3
) AS old WHERE reading.number = old.number AND reading.taken = old.taken
"""
_SIZE: Final = """
SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
WHERE relkind = 'r' AND relpersistence = 'p'
    AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'reading'::regclass)
"""
_HOLD: Final = (
    "INSERT INTO numbering (last) VALUES (0) ON CONFLICT (tenant) DO UPDATE SET last = numbering.last"
)


class PostgresUpkeep(SqlUpkeep):
    """See `mbusheadend.store.protocol.Upkeep`."""

    _server_database: Database
    _partitions: Partitions

    def _hold_intake(self, connection: Connection) -> None:
        assert isinstance(connection, PostgresConnection)
        connection.raw.execute(_HOLD.encode())

    async def prune(
        self, *, raw_before: datetime | None, readings_before: datetime | None, limit: int = CHUNK
    ) -> Pruned:
        """See the protocol. Makes partitions ahead, too."""
        raw, is_complete = 0, True
        database = self._server_database
        await database.maintain(lambda line: self._partitions.ensure(line, (), utc_now()))
        if raw_before is not None:
            before = stored(raw_before)

            def give_up(connection: PostgresConnection) -> tuple[int, bool]:
                self._hold_intake(connection)
                return prune_raw(connection, before, limit)

            raw, is_complete = await database.write(give_up)
        if readings_before is None:
            return Pruned(raw, 0, 0, is_complete)
        moment = stored(readings_before)
        last = await database.read(lambda connection: number_before(connection, moment))
        dropped = await database.maintain(lambda line: self._drop(line, moment, last))

        def work(connection: PostgresConnection) -> tuple[int, int]:
            big = [one.oid for one in present(connection.raw) if one.rows >= BIG]
            gone = connection.raw.execute(_DELETE.encode(), (last, big, limit)).rowcount
            prune_fleet(connection, moment)
            quarantined = connection.execute("DELETE FROM quarantine WHERE received < ?", (moment,)).rowcount
            return gone, quarantined

        gone, quarantined = await database.write(work)
        return Pruned(raw, dropped + gone, quarantined, is_complete and gone < limit)

    def _drop(self, raw: Raw, moment: int, last: int) -> int:
        """Drop partitions in which everything came before a moment; say how many readings were in them."""
        gone = 0
        for one in present(raw):
            if one.until <= moment:
                count = self._count(raw, one)
                if drop(raw, one, {self._server_database.tenant: last}):
                    gone += count
                    self._partitions.forget()
        return gone

    def _count(self, raw: Raw, partition: Partition) -> int:
        if partition.rows >= BIG:
            return partition.rows
        raw.execute(f"BEGIN; SET LOCAL mbus.tenant = {self._server_database.tenant:d};".encode())
        row = raw.execute(f"SELECT count(*) FROM {partition.name}".encode()).fetchone()  # noqa: S608 - our own name
        raw.execute("COMMIT")
        return 0 if row is None else int(row[0])

    async def shrink(self, pages: int = CHUNK) -> int:
        """See the protocol. One index at a time; the server does the rest by itself (autovacuum)."""
        raw = await asyncio.to_thread(self._server_database.server.reached)
        working = asyncio.ensure_future(asyncio.to_thread(self._compact, raw))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            # Otherwise a process could not end before an index of hours is written.
            with contextlib.suppress(psycopg.Error, StoreError):
                await asyncio.to_thread(raw.cancel)
                await working
            raise

    def _compact(self, raw: Raw) -> int:
        try:
            with self._server_database.server.telling():
                found = sparse(raw, utc_now())
                is_done = bool(found) and compact(raw, found[0])
                return sum(one.wasted for one in found[is_done:])
        finally:
            raw.close()

    async def extent(self) -> Extent:
        """See the protocol. The size is that of all tenants together."""

        def work(connection: PostgresConnection) -> Extent:
            size = connection.execute(_SIZE).fetchone()
            row = connection.execute(
                "SELECT number, taken + received AS arrived FROM reading ORDER BY number DESC LIMIT 1"
            ).fetchone()
            return Extent(
                0 if size is None else size[0],
                sum(one.wasted for one in sparse(connection.raw, utc_now())),
                None if row is None else moment_of(row["arrived"]),
            )

        return await self._server_database.read(work)

    async def back_up(self, path: Path) -> None:
        """See the protocol. Not done here: raise `StoreRefusedError`."""
        raise StoreRefusedError(
            "a store on PostgreSQL is backed up by PostgreSQL's own tools: pg_basebackup with archived WAL, or pg_dump"
        )
