"""What lists of a big fleet ask of the store: page by page, filtered, sorted and counted there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mbusheadend.store.fleet import Master, Meter, StoredCommand
from mbusheadend.store.readings import StoredReading
from mbushosting.readings import Outcome


class MasterSort(StrEnum):
    """By what a list of masters is sorted."""

    SERIAL = "serial"
    NAME = "name"
    CONTACT = "contact"


class MeterSort(StrEnum):
    """By what a list of meters is sorted."""

    IDENTITY = "identity"
    NAME = "name"
    MASTER = "master"
    STATUS = "status"
    READ = "read"


@dataclass(frozen=True, slots=True)
class MasterFilter:
    """Which masters are wanted; what is None or empty chooses nothing.

    :ivar text: stands in the serial number, the name, or the name that the master gives itself.
    :ivar silent_since: masters that did not call from then on, or never did; those that are read locally never call.
    :ivar has_alarm: whether an alarm is open about it or a meter there.
    """

    text: str = ""
    group: str | None = None
    silent_since: datetime | None = None
    has_alarm: bool | None = None
    sort: MasterSort = MasterSort.SERIAL
    descending: bool = False


@dataclass(frozen=True, slots=True)
class MeterFilter:
    """Which meters are wanted; what is None or empty chooses nothing.

    :ivar text: stands in the identity, the name, the note, or the address by which it is read.
    :ivar medium: code in the secondary address (EN 13757-7).
    :ivar status: in the words of masters.
    :ivar unread_since: meters without a sound reading from then on, or without any.
    :ivar has_key: whether a key is stored.
    """

    text: str = ""
    master: str | None = None
    group: str | None = None
    medium: int | None = None
    status: str | None = None
    unread_since: datetime | None = None
    has_alarm: bool | None = None
    has_key: bool | None = None
    sort: MeterSort = MeterSort.IDENTITY
    descending: bool = False


@dataclass(frozen=True, slots=True)
class MasterPage:
    """Some masters. `matching` counts all that the filter lets through, `total` all there are."""

    masters: tuple[Master, ...]
    matching: int
    total: int


@dataclass(frozen=True, slots=True)
class MeterPage:
    """Some meters; counted as in `MasterPage`."""

    meters: tuple[Meter, ...]
    matching: int
    total: int


@dataclass(frozen=True, slots=True)
class MeterChoices:
    """What meters there are differ in."""

    media: tuple[int, ...]
    statuses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FleetCounts:
    """How big the fleet is.

    :ivar masters: without those that are read locally.
    :ivar never: masters that never called, `silent` those that did, but not lately.
    :ivar waiting: readings that masters had not delivered yet when they called last.
    :ivar unread: meters at a place without a sound reading lately.
    """

    masters: int
    never: int
    silent: int
    waiting: int
    meters: int
    unread: int


@dataclass(frozen=True, slots=True)
class Expected:
    """How many meters of a master ought to be read by a schedule in each of these slots."""

    serial: str
    schedule: str
    slots: tuple[datetime, ...]
    meters: int


@dataclass(frozen=True, slots=True)
class Came:
    """How many sound readings came for a slot."""

    serial: str
    schedule: str
    slot: datetime
    readings: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A reading that came, with whose it is.

    :ivar number: rises with each that comes.
    :ivar identity: of the meter; names are those that people gave.
    """

    number: int
    reading: StoredReading
    identity: str
    name: str
    master_name: str


@dataclass(frozen=True, slots=True)
class CommandReading:
    """What a command to read has brought of one meter: the last attempt."""

    meter: int
    outcome: Outcome
    taken: datetime
    remark: str


class GroupKind(StrEnum):
    """Of what a group is; the two kinds have names of their own."""

    MASTERS = "masters"
    METERS = "meters"


class Browsing(Protocol):
    """Lists and counts."""

    async def find_masters(self, chosen: MasterFilter, offset: int = 0, limit: int = 50) -> MasterPage:
        """Give some masters."""

    async def find_meters(self, chosen: MeterFilter, offset: int = 0, limit: int = 50) -> MeterPage:
        """Give some meters."""

    async def meter_choices(self) -> MeterChoices:
        """Give what filters of meters can offer."""

    async def count_fleet(self, silent_since: datetime, unread_since: datetime) -> FleetCounts:
        """Count."""

    async def meters_at(self, serials: Iterable[str]) -> Mapping[str, int]:
        """Count the meters at masters; who has none is left out."""

    async def alarms_at(self, serials: Iterable[str]) -> Mapping[str, int]:
        """Count the open alarms about masters and the meters there; who has none is left out."""

    async def alarms_of(self, meters: Iterable[int]) -> Mapping[int, int]:
        """Count the open alarms about meters; who has none is left out."""

    async def expected(self, since: datetime, until: datetime) -> tuple[Expected, ...]:
        """Give what ought to be read in a time, by everybody."""

    async def number_at(self, moment: datetime) -> int:
        """Give the number of the last reading that came before a moment, 0 where there is none."""

    async def came(self, after: int, since: datetime, limit: int = 50_000) -> tuple[tuple[Came, ...], int]:
        """Count sound readings behind a number for slots from `since` on, and give the number to go on with.

        At most so many readings are looked at; the same number again means that there were none.
        """

    async def newest_arrivals(self, limit: int = 10) -> tuple[Arrival, ...]:
        """Give the readings that came last, the newest first, without raw telegrams."""

    async def command_everywhere(self, id: str) -> tuple[StoredCommand, ...]:
        """Give the commands of this id, by master: one order can be for several."""

    async def brought(self, serial: str, command: str, since: datetime) -> tuple[CommandReading, ...]:
        """Give what a command to read has brought, by meter; it was added at `since`."""

    async def groups(self, kind: GroupKind) -> Mapping[str, int]:
        """Give the groups by name, each with how many are in it."""

    async def join_group(self, kind: GroupKind, name: str, members: Iterable[str | int]) -> int:
        """Put masters (serial numbers) or meters (numbers) into a group; say how many were not in it. Unknown ones are left out.

        Raise `StoreRefusedError` for a name that no group may have.
        """

    async def leave_group(self, kind: GroupKind, name: str, members: Iterable[str | int]) -> int:
        """Take members out of a group; say how many. A group is there as long as something is in it."""

    async def rename_group(self, kind: GroupKind, old: str, new: str) -> int:
        """Rename a group, also where schedules name it; say how many members it has. It may become part of another one.

        Raise `UnknownError` where there is no such group, `StoreRefusedError` for a name that no group may have.
        """
