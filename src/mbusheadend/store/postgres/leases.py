"""Leases by locks of the server, each on a connection of its own: it goes with the process, however that ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from mbusheadend.store.leases import Lease
from mbusheadend.store.postgres.connection import Raw
from mbusheadend.store.postgres.server import Server


class PostgresLeases:
    """See `mbusheadend.store.leases.Leases`."""

    _server: Server
    _tenant: int

    @asynccontextmanager
    async def lease(self, name: str) -> AsyncIterator[Lease]:
        """See the protocol."""
        raw = await asyncio.to_thread(_asked, self._server, f"mbus lease {self._tenant} {name}")
        if raw is None:
            yield Lease(is_held=False)
            return
        lease = Lease(is_held=True)
        loop, socket = asyncio.get_running_loop(), raw.fileno()

        def heard() -> None:
            # Nothing is said on this connection but that it ends.
            with contextlib.suppress(psycopg.Error):
                raw.pgconn.consume_input()
                if raw.pgconn.status == psycopg.pq.ConnStatus.OK:
                    return
            loop.remove_reader(socket)
            lease.lost.set()

        loop.add_reader(socket, heard)
        try:
            yield lease
        finally:
            loop.remove_reader(socket)
            raw.close()


def _asked(server: Server, name: str) -> Raw | None:
    """Take a lock; give the connection that has it."""
    raw = server.reached()
    try:
        with server.telling():
            row = raw.execute("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", (name,)).fetchone()
            if row is not None and row[0]:
                raw.execute("SET idle_session_timeout = 0")
                return raw
    except BaseException:
        raw.close()
        raise
    raw.close()
    return None
