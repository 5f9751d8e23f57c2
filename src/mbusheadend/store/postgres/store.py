"""All parts of the store over one database of a server."""

import hashlib
from concurrent.futures import Future
from pathlib import Path

from mbusheadend.decoding.keys import Vault
from mbusheadend.store.changes import Changes
from mbusheadend.store.errors import StoreError, StoreRefusedError
from mbusheadend.store.postgres.changes import ChangesBetween, log_untold, notify
from mbusheadend.store.postgres.connection import Raw
from mbusheadend.store.postgres.database import Database
from mbusheadend.store.postgres.intake import Intake, PostgresIntake
from mbusheadend.store.postgres.leases import PostgresLeases
from mbusheadend.store.postgres.migrating import migrate
from mbusheadend.store.postgres.partitions import Partitions, Width, utc_now
from mbusheadend.store.postgres.server import Server
from mbusheadend.store.postgres.upkeep import PostgresUpkeep
from mbusheadend.store.sql.intake import Taker
from mbusheadend.store.sql.keys import Keys
from mbusheadend.store.sql.parts import SqlParts


class PostgresStore(PostgresUpkeep, PostgresIntake, PostgresLeases, SqlParts):
    """`mbusheadend.store.Store` of one tenant; its tables are made where there are none.

    :param url: as libpq reads it (`postgresql://user@host:port/database`); its role owns the database, and is no superuser.
    :param tenant: whose rows are seen; 1 is "main", which is always there.
    :param vault: opens the keys of encrypted meters and other secrets; without it they stay closed.
    :param password_file: as libpq reads it, in the place of PGPASSFILE.
    :param width: how long the time of a partition that is made is.
    :raises StoreError: where the server cannot be reached, or its tables are those of a newer program.
    :raises StoreRefusedError: for a tenant that is not there.
    """

    def __init__(
        self,
        url: str,
        tenant: int = 1,
        vault: Vault | None = None,
        *,
        width: Width = Width.MONTH,
        password_file: Path | None = None,
    ) -> None:
        self._server = Server(url, password_file)
        self._tenant = tenant
        migrate(self._server)
        self._partitions = Partitions(width)
        raw = self._reached()
        self._database = self._server_database = Database(self._server, tenant)
        self._vault = vault
        self._keys = Keys(vault)
        self._taker = Taker(self._keys)
        self._database.on_undone(self._keys.clear)
        self._database.on_undone(self._taker.clear)
        self._intake = Intake(self._database, Keys(vault), Partitions(width))
        self._changes = self._told = ChangesBetween(self._server, raw, tenant, self._notify)

    @staticmethod
    def tenant_of_certificate(url: str, number: int) -> int | None:
        """Tell whose a certificate is; raise `StoreError`."""
        digest = hashlib.sha256(f"{number:x}".encode()).digest()
        return _tenant_of(Server(url), "SELECT tenant FROM of_certificate WHERE digest = $1", digest)

    @staticmethod
    def tenant_of_token(url: str, hash: bytes) -> int | None:
        """Tell whose a token is, by its hash; raise `StoreError`."""
        return _tenant_of(Server(url), "SELECT tenant FROM of_token WHERE hash = $1", hash)

    @property
    def changes(self) -> Changes:
        """See the protocol."""
        return self._changes

    def close(self) -> None:
        """See the protocol."""
        self._intake.close()
        self._told.close()
        self._server_database.close()

    def _reached(self) -> Raw:
        """Give a connection to a database that has this tenant, and partitions for what comes."""
        raw = self._server.reached()
        try:
            with self._server.telling():
                found = raw.execute("SELECT 1 FROM tenant WHERE id = $1", (self._tenant,)).fetchone()
                if found is None:
                    raise StoreRefusedError(f"there is no tenant {self._tenant} at {self._server.name}")
                self._partitions.ensure(raw, (), utc_now())
        except BaseException:
            raw.close()
            raise
        return raw

    def _notify(self, channel: str, payload: str) -> None:
        def told(future: Future[None]) -> None:
            error = future.exception()
            if isinstance(error, StoreError):
                log_untold(error)

        self._server_database.later(lambda raw: notify(raw, channel, payload)).add_done_callback(told)


def _tenant_of(server: Server, query: str, key: bytes) -> int | None:
    raw = server.reached()
    try:
        with server.telling():
            row = raw.execute(query.encode(), (key,)).fetchone()
    finally:
        raw.close()
    return None if row is None else int(row[0])
