"""The store of the head-end: masters, meters, schedules, commands, and what was read.

=============================================  =======================================================================
protocol.py                                    what a store does: the contract, with those of the next three lines
enrolling.py, fleet.py, readings.py, local.py  what it knows: tokens, masters, meters, readings, masters read here
browsing.py, viewing.py, watching.py           what lists, plots and the watch ask of it
archiving.py, rollouts.py, shared.py           what the archive, rollouts and other processes ask of it
changes.py, leases.py                          news for whoever waits; work that one of several processes does
settings.py, late.py                           where it is; one that may come later
sql/                                           the parts that SQLite and PostgreSQL have in common
sqlite/, postgres/                             what is each one's own; imported only where a store is opened
=============================================  =======================================================================
"""

from mbusheadend.store.changes import Changes, ChangesHere
from mbusheadend.store.enrolling import StoredCertificate, StoredToken
from mbusheadend.store.errors import (
    ChangedError,
    StoreError,
    StoreRefusedError,
    UnknownError,
    WrongOwnerError,
)
from mbusheadend.store.fleet import (
    Assignment,
    CommandState,
    ContactFacts,
    Master,
    Meter,
    Place,
    Stay,
    StoredCommand,
    StoredSchedule,
)
from mbusheadend.store.protocol import Enrolment, Fleet, Intake, Queries, Store, Upkeep, Wanted
from mbusheadend.store.readings import (
    Completeness,
    Cursor,
    Extent,
    Gap,
    Pruned,
    Quarantined,
    ReadingPage,
    Redecoded,
    SeriesPage,
    StoredReading,
)

__all__ = [
    "Assignment", "ChangedError", "Changes", "ChangesHere", "CommandState", "Completeness", "ContactFacts", "Cursor", "Enrolment",
    "Extent", "Fleet", "Gap", "Intake", "Master", "Meter", "Place", "Pruned", "Quarantined", "Queries", "ReadingPage",
    "Redecoded", "SeriesPage", "Stay", "Store", "StoreError", "StoreRefusedError", "StoredCertificate", "StoredCommand",
    "StoredReading", "StoredSchedule", "StoredToken", "UnknownError", "Upkeep", "Wanted", "WrongOwnerError",
]  # fmt: skip
