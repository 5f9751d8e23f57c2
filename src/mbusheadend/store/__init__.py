"""The store of the head-end: masters, meters, schedules, commands, and what was read."""

from mbusheadend.store.changes import Changes, ChangesHere
from mbusheadend.store.enrolling import StoredCertificate, StoredToken
from mbusheadend.store.errors import StoreError, StoreRefusedError, UnknownError, WrongOwnerError
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
from mbusheadend.store.protocol import Enrolment, Fleet, Intake, Store, Wanted

__all__ = [
    "Assignment", "Changes", "ChangesHere", "CommandState", "ContactFacts", "Enrolment", "Fleet", "Intake", "Master", "Meter",
    "Place", "Stay", "Store", "StoreError", "StoreRefusedError", "StoredCertificate", "StoredCommand", "StoredSchedule",
    "StoredToken", "UnknownError", "Wanted", "WrongOwnerError",
]  # fmt: skip
