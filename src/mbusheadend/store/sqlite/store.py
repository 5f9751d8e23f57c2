"""All parts of the store over one file."""

from pathlib import Path

from mbusheadend.decoding.keys import Vault
from mbusheadend.store.changes import Changes, ChangesHere
from mbusheadend.store.sqlite.alarms import SqliteAlarms
from mbusheadend.store.sqlite.arrivals import SqliteArrivals
from mbusheadend.store.sqlite.browsing import SqliteBrowsing
from mbusheadend.store.sqlite.database import Database
from mbusheadend.store.sqlite.enrolment import SqliteEnrolment
from mbusheadend.store.sqlite.filling import SqliteFilling
from mbusheadend.store.sqlite.fleet import SqliteFleet
from mbusheadend.store.sqlite.groups import SqliteGroups
from mbusheadend.store.sqlite.intake import SqliteIntake, Taker
from mbusheadend.store.sqlite.judged import SqliteJudging
from mbusheadend.store.sqlite.keys import Keys
from mbusheadend.store.sqlite.local import SqliteLocals
from mbusheadend.store.sqlite.notifying import SqliteNotifying
from mbusheadend.store.sqlite.queries import SqliteQueries
from mbusheadend.store.sqlite.upkeep import SqliteUpkeep
from mbusheadend.store.sqlite.viewing import SqliteViewing
from mbusheadend.store.sqlite.wanted import SqliteWanted


class SqliteStore(
    SqliteEnrolment,
    SqliteFleet,
    SqliteWanted,
    SqliteIntake,
    SqliteQueries,
    SqliteUpkeep,
    SqliteAlarms,
    SqliteNotifying,
    SqliteJudging,
    SqliteFilling,
    SqliteBrowsing,
    SqliteArrivals,
    SqliteGroups,
    SqliteViewing,
    SqliteLocals,
):
    """`mbusheadend.store.Store` in one file, which is made where there is none. Raise `StoreError` where it cannot be opened.

    :param vault: opens the keys of encrypted meters and other secrets; without it they stay closed.
    """

    def __init__(self, path: Path, vault: Vault | None = None) -> None:
        self._changes = ChangesHere()
        self._database = Database(path)
        self._vault = vault
        self._keys = Keys(vault)
        self._taker = Taker(self._keys)
        self._database.on_undone(self._keys.clear)
        self._database.on_undone(self._taker.clear)

    @property
    def changes(self) -> Changes:
        """See the protocol."""
        return self._changes

    def close(self) -> None:
        """See the protocol."""
        self._database.close()
