"""Transactions on a server, in threads: one thread writes, a few read, none of them is the event loop's."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

import psycopg
from psycopg import errors

from mbusheadend.store.postgres.connection import PostgresConnection, Raw
from mbusheadend.store.postgres.server import READ_TIMEOUT, Server

T = TypeVar("T")
READERS: Final = 4
TRIES: Final = 5
"""Of a transaction that came into the way of another one, or whose server was lost before it was to keep anything."""
_AGAIN: Final = (errors.DeadlockDetected, errors.SerializationFailure)
_OUTDATED: Final = errors.FeatureNotSupported
"""So the server says that a statement that was prepared gives other columns now: a newer program has changed a table."""
WRITER_LOCK: Final = 0x6D627573
"""With the tenant: whoever changes the fleet, one after the other as with a file."""


class Line:
    """One connection for one thread, which is opened anew where it was lost."""

    def __init__(self, server: Server, *, statement: int = 0) -> None:
        self._server = server
        self._statement = statement
        self._raw: Raw | None = None

    def open(self) -> Raw:
        """Give the connection; raise `StoreError`."""
        if self._raw is None or self._raw.closed:
            self._raw = self._server.reached(statement=self._statement)
        return self._raw

    def close(self) -> None:
        """Close it; the next one opens it anew."""
        if self._raw is not None:
            self._raw.close()
            self._raw = None


def transaction(server: Server, line: Line, begin: str, work: Callable[[PostgresConnection], T]) -> T:
    """Do work in one transaction, all of it or nothing; raise `StoreError`.

    Work is begun anew where others were in its way or have changed a table, or the server was lost, but not once it was to be
    kept: it may have been.
    """
    tried = 0
    while True:
        tried += 1
        raw = line.open()
        is_kept = False
        try:
            raw.execute(begin.encode())
            result = work(PostgresConnection(raw))
            is_kept = True
            raw.execute("COMMIT")
            return result
        except psycopg.Error as error:
            is_lost = raw.closed
            _undo(line, raw)
            if isinstance(error, _OUTDATED):
                # The next connection has nothing prepared.
                line.close()
            may_again = isinstance(error, (*_AGAIN, _OUTDATED)) or is_lost
            if tried >= TRIES or not may_again or (is_lost and is_kept):
                raise server.failed(error, unknown=is_lost and is_kept) from error
        except BaseException:
            _undo(line, raw)
            raise


def _undo(line: Line, raw: Raw) -> None:
    try:
        if not raw.closed:
            raw.execute("ROLLBACK")
    except psycopg.Error:
        line.close()


class Database:
    """Work on one tenant's rows."""

    def __init__(self, server: Server, tenant: int) -> None:
        self.server = server
        self.tenant = tenant
        self.begin = f"BEGIN; SET LOCAL mbus.tenant = {tenant:d};"
        """Begins a transaction that is not in the way of others that change the fleet."""
        self.begin_alone = f"{self.begin} SELECT pg_advisory_xact_lock({WRITER_LOCK}, {tenant:d});"
        self._begin_reading = (
            f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL mbus.tenant = {tenant:d};"
        )
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._readers = ThreadPoolExecutor(READERS, "store-reader")
        self._line = Line(server)
        self._local = threading.local()
        self._reading: list[Line] = []
        self._forget: list[Callable[[], None]] = []

    def on_undone(self, forget: Callable[[], None]) -> None:
        """Call this in the writer's thread before each change: others may have made some since the last one."""
        self._forget.append(forget)

    async def write(self, work: Callable[[PostgresConnection], T]) -> T:
        """See `mbusheadend.store.sql.connection.Database`."""

        def known(connection: PostgresConnection) -> T:
            for forget in self._forget:
                forget()
            return work(connection)

        return await asyncio.get_running_loop().run_in_executor(
            self._writer, lambda: transaction(self.server, self._line, self.begin_alone, known)
        )

    async def maintain(self, work: Callable[[Raw], T]) -> T:
        """Do work on the writer's connection, without a transaction: it begins its own."""
        return await asyncio.wrap_future(self.later(work))

    def later(self, work: Callable[[Raw], T]) -> Future[T]:
        """Do as `maintain`, without waiting for it."""

        def done() -> T:
            raw = self._line.open()
            try:
                with self.server.telling():
                    return work(raw)
            except BaseException:
                _undo(self._line, raw)
                raise

        return self._writer.submit(done)

    async def read(self, work: Callable[[PostgresConnection], T]) -> T:
        """See `mbusheadend.store.sql.connection.Database`."""

        def done() -> T:
            line: Line | None = getattr(self._local, "line", None)
            if line is None:
                line = self._local.line = Line(self.server, statement=READ_TIMEOUT)
                self._reading.append(line)
            return transaction(self.server, line, self._begin_reading, work)

        return await asyncio.get_running_loop().run_in_executor(self._readers, done)

    def close(self) -> None:
        """Finish what was begun and close the connections."""
        self._writer.shutdown()
        self._readers.shutdown()
        for line in (*self._reading, self._line):
            line.close()
