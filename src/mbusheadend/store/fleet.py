"""What the store knows of masters, their meters, and what is wanted from them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mbusheadend.store.local import LocalPlace
from mbushosting.contact import Command, Contact
from mbushosting.schedules import Schedule


@dataclass(frozen=True, slots=True)
class Master:
    """A master that was taken in.

    :ivar name: which people gave it here; empty is none.
    :ivar enrolled: when it was taken in.
    :ivar last_contact: by the head-end's clock.
    :ivar clock_offset: how far the master's clock was ahead then.
    :ivar contact: what it said then, without the meter list.
    :ivar orders_version: of the orders that it ought to have; `contact.orders` is what it has.
    :ivar meter_list: version of the list that is stored here.
    :ivar local: where the head-end reads it itself; None for one that enrolled and calls.
    """

    serial: str
    name: str
    groups: frozenset[str]
    enrolled: datetime
    last_contact: datetime | None
    clock_offset: timedelta | None
    contact: Contact | None
    orders_version: int
    meter_list: str
    local: LocalPlace | None = None


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """What became of a contact.

    :ivar is_first: whether the master was never heard before.
    :ivar silent_for: since the contact before this one.
    :ivar clock_offset: how far the master's clock is ahead.
    :ivar new_meters: numbers of meters that were not known before.
    :ivar new_drops: readings that the master had to give up since its last contact.
    :ivar results: commands whose result came with it.
    """

    is_first: bool
    silent_for: timedelta | None
    clock_offset: timedelta
    new_meters: tuple[int, ...] = ()
    new_drops: int = 0
    results: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a meter is read.

    :ivar address: by which it is read: 16 hex digits, or a primary address in decimal.
    """

    master: str
    bus: str
    address: str


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter: by its secondary address the same one wherever it is read; one that has none is known by its place.

    :ivar id: number in this store, for good.
    :ivar identity: secondary address as 16 hex digits, or ``MASTER/BUS/PRIMARY``.
    :ivar place: where it is read now; None where no master names it any more.
    :ivar primary: its primary address by the master's list.
    :ivar has_key: whether a key for its telegrams is stored.
    :ivar reported: status and rates by the master's list.
    :ivar last_reading: when the newest sound reading was taken.
    """

    id: int
    identity: str
    place: Place | None
    primary: int | None
    name: str
    note: str
    groups: frozenset[str]
    has_key: bool
    status: str
    rates: tuple[int, ...]
    first_seen: datetime
    last_seen: datetime | None
    last_reading: datetime | None


@dataclass(frozen=True, slots=True)
class Stay:
    """A time that a meter was at one place; `until` is None while it is there."""

    place: Place
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Assignment:
    """For whom a schedule is.

    :ivar masters: serial numbers.
    :ivar groups: of masters; a master that joins one gets the schedule.
    :ivar everybody: each master, also those to come.
    :ivar meters: where not empty, only these meters (their numbers in the store), wherever they are among those masters.
    :ivar meter_groups: the same by groups of meters; either suffices.
    """

    masters: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    everybody: bool = False
    meters: frozenset[int] = frozenset()
    meter_groups: frozenset[str] = frozenset()

    def includes(self, serial: str, groups: frozenset[str]) -> bool:
        """Tell whether it is for a master that is in these groups."""
        return self.everybody or serial in self.masters or not self.groups.isdisjoint(groups)


@dataclass(frozen=True, slots=True)
class StoredSchedule:
    """A schedule and for whom it is.

    :ivar since: when it was made.
    """

    schedule: Schedule
    assignment: Assignment
    since: datetime


class CommandState(StrEnum):
    """How far a command is."""

    WAITING = "waiting"
    SENT = "sent"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Whether the master may still be told of it."""
        return self in (CommandState.WAITING, CommandState.SENT)


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """A command and what became of it."""

    master: str
    command: Command
    state: CommandState
    detail: str
    added: datetime
    changed: datetime
