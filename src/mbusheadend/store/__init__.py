"""The store of the head-end: masters, meters, schedules, commands, and what was read."""

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
