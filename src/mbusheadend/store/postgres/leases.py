"""Leases by locks of the server, each on a connection of its own: it goes with the process, however that ends."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import psycopg

from mbusheadend.store.leases import Lease
from mbusheadend.store.postgres.connection import Raw
from mbusheadend.store.postgres.server import Server

_SETTINGS: Final = (
    "SET idle_session_timeout = 0; SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5;"
    " SET tcp_keepalives_count = 3"
)
"""The server looks whether the process is there: one whose machine lost its power must not hold a lease for hours."""


class PostgresLeases:
    """See `mbusheadend.store.leases.Leases`."""

    _server: Server
    _tenant: int

    @asynccontextmanager
    async def lease(self, name: str) -> AsyncIterator[Lease]:
        """See the protocol."""
        asking = _Asking(self._server, f"mbus lease {self._tenant} {name}")
        try:
            raw = await asyncio.to_thread(asking.ask)
        except asyncio.CancelledError:
            asking.give_up()
            raise
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


class _Asking:
    """Asks for a lock in a thread; whoever waits for it may give up meanwhile, and then nobody has it."""

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._name = name
        self._deciding = threading.Lock()
        self._raw: Raw | None = None
        self._is_over = False

    def ask(self) -> Raw | None:
        """Give the connection that has the lock."""
        raw = _asked(self._server, self._name)
        with self._deciding:
            if not self._is_over or raw is None:
                self._raw = raw
                return raw
        raw.close()
        return None

    def give_up(self) -> None:
        """Nobody wants it any more."""
        with self._deciding:
            self._is_over = True
        if self._raw is not None:
            self._raw.close()


def _asked(server: Server, name: str) -> Raw | None:
    """Take a lock; give the connection that has it."""
    raw = server.reached()
    try:
        with server.telling():
            row = raw.execute("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", (name,)).fetchone()
            if row is not None and row[0]:
                raw.execute(_SETTINGS.encode())
                return raw
    except BaseException:
        raw.close()
        raise
    raw.close()
    return None
