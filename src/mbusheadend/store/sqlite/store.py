"""All parts of the store over one file."""

from pathlib import Path

from mbusheadend.decoding.keys import Vault
from mbusheadend.store.changes import Changes, ChangesHere
from mbusheadend.store.leases import LeasesHere
from mbusheadend.store.sql.intake import SqlIntake, Taker
from mbusheadend.store.sql.keys import Keys
from mbusheadend.store.sql.parts import SqlParts
from mbusheadend.store.sqlite.database import Database
from mbusheadend.store.sqlite.upkeep import SqliteUpkeep


class SqliteStore(SqliteUpkeep, SqlIntake, SqlParts, LeasesHere):
    """`mbusheadend.store.Store` in one file, which is made where there is none. Raise `StoreError` where it cannot be opened.

    :param vault: opens the keys of encrypted meters and other secrets; without it they stay closed.
    """

    def __init__(self, path: Path, vault: Vault | None = None) -> None:
        self._changes = ChangesHere()
        self._database = self._file = Database(path)
        self._vault = vault
        self._keys = Keys(vault)
        self._taker = Taker(self._keys)
        self._file.on_undone(self._keys.clear)
        self._file.on_undone(self._taker.clear)

    @property
    def changes(self) -> Changes:
        """See the protocol."""
        return self._changes

    def close(self) -> None:
        """See the protocol."""
        self._file.close()
