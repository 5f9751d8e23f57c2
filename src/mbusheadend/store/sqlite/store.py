"""All parts of the store over one file."""

from pathlib import Path

from mbusheadend.store.changes import Changes, ChangesHere
from mbusheadend.store.sqlite.database import Database
from mbusheadend.store.sqlite.enrolment import SqliteEnrolment
from mbusheadend.store.sqlite.fleet import SqliteFleet
from mbusheadend.store.sqlite.wanted import SqliteWanted


class SqliteStore(SqliteEnrolment, SqliteFleet, SqliteWanted):
    """`mbusheadend.store.Store` in one file, which is made where there is none. Raise `StoreError` where it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._changes = ChangesHere()
        self._database = Database(path)

    @property
    def changes(self) -> Changes:
        """See the protocol."""
        return self._changes

    def close(self) -> None:
        """See the protocol."""
        self._database.close()
