"""What the head-end asks of its store, whatever keeps it: SQLite on one machine (`mbusheadend.store.sqlite`).

Every call that returns has its change on the disk, and never holds up the event loop. Errors: `mbusheadend.store.errors`.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from mbusheadend.decoding.registers import Register
from mbusheadend.judging.consumption import Consumption, Period
from mbusheadend.store.archiving import Archiving
from mbusheadend.store.browsing import Browsing
from mbusheadend.store.changes import Changes
from mbusheadend.store.enrolling import StoredCertificate, StoredToken
from mbusheadend.store.fleet import (
    Assignment,
    ContactFacts,
    Master,
    Meter,
    Stay,
    StoredCommand,
    StoredSchedule,
)
from mbusheadend.store.leases import Leases
from mbusheadend.store.local import Locals
from mbusheadend.store.readings import (
    Completeness,
    Cursor,
    Extent,
    Pruned,
    Quarantined,
    ReadingPage,
    Redecoded,
    SeriesPage,
    StoredReading,
)
from mbusheadend.store.rollouts import Rollouts
from mbusheadend.store.shared import Shared
from mbusheadend.store.viewing import Viewing
from mbusheadend.store.watching import Alarms, Filling, Judging, Notifying
from mbushosting.contact import Command, Contact, Orders
from mbushosting.readings import Batch, Receipt
from mbushosting.schedules import Schedule


class Enrolment(Protocol):
    """Tokens and certificates."""

    async def add_token(self, hash: bytes, expires: datetime, note: str, now: datetime) -> None:
        """Store a token by the hash of its secret."""

    async def use_token(self, hash: bytes, serial: str, now: datetime) -> bool:
        """Take a master in, also one that was there before: true, once, for a token that is known, not used and not expired."""

    async def tokens(self) -> tuple[StoredToken, ...]:
        """Give all, the newest first."""

    async def delete_token(self, hash: bytes) -> None:
        """Forget a token; it can be used no more."""

    async def add_certificate(self, serial: str, number: int, not_after: datetime, now: datetime) -> None:
        """Store that this certificate was issued, before it is handed out."""

    async def revoke_certificate(self, number: int, now: datetime) -> None:
        """Trust it no more. Raise `UnknownError`."""

    async def revoke_master(self, serial: str, now: datetime) -> int:
        """Trust no certificate of this master any more; say how many that were."""

    async def is_trusted(self, number: int) -> bool:
        """Tell whether a certificate was issued here and is not revoked; whether it lapsed says its own date."""

    async def take_back(self, serial: str, number: int, not_after: datetime) -> bool:
        """Trust a certificate that is not known here as a backup from before it was brought back; tell whether it is trusted.

        It is where its master is known, was not revoked and not taken in again since then. From now on it is as all others.
        """

    async def certificates(self, serial: str) -> tuple[StoredCertificate, ...]:
        """Give those of a master, the one that lapses last first."""


class Fleet(Protocol):
    """Masters and meters."""

    async def masters(self) -> tuple[Master, ...]:
        """Give all, by serial number."""

    async def master(self, serial: str) -> Master:
        """Give one; raise `UnknownError`."""

    async def set_master(self, serial: str, *, name: str, groups: Iterable[str]) -> None:
        """Name a master and put it into groups; raise `UnknownError`."""

    async def delete_master(self, serial: str, now: datetime) -> None:
        """Forget a master, revoke its certificates; its meters and their readings stay. Raise `UnknownError`."""

    async def note_contact(self, serial: str, contact: Contact, now: datetime) -> ContactFacts:
        """Store how a master is, its meter list where it came along, and what became of commands.

        Raise `UnknownError` for a master that was not taken in and `WrongOwnerError` where the contact is another's.
        """

    async def meters(self, serial: str | None = None, group: str | None = None) -> tuple[Meter, ...]:
        """Give meters, by identity; with `serial` those that are at this master now."""

    async def meter(self, number: int) -> Meter:
        """Give one; raise `UnknownError`."""

    async def stays(self, number: int) -> tuple[Stay, ...]:
        """Give where a meter was, the newest first."""

    async def add_meters(
        self, serial: str, meters: Iterable[tuple[str, str, int | None, str]], now: datetime
    ) -> tuple[int, ...]:
        """Take meters of a list at a master: bus, address, primary address and note of each; give the numbers of new ones.

        One that is known stays where it is, unless both that master and this one are read locally; an empty note leaves the old
        one. Raise `UnknownError` for the master.
        """

    async def set_meter(self, number: int, *, name: str, note: str, groups: Iterable[str]) -> None:
        """Name a meter and put it into groups; raise `UnknownError`."""


class Wanted(Protocol):
    """Schedules and commands."""

    async def schedules(self) -> tuple[StoredSchedule, ...]:
        """Give all, by id."""

    async def put_schedule(
        self, schedule: Schedule, assignment: Assignment, now: datetime, known: int | None = None
    ) -> StoredSchedule:
        """Add a schedule, or change the one of this id; the version is counted here. Tells the masters that it touches.

        `known` is the version that was looked at, 0 that there was none; None takes any. Raise `ChangedError` for another one.
        """

    async def delete_schedule(self, id: str) -> None:
        """Remove one; raise `UnknownError`."""

    async def orders(self, serial: str, known_version: int, meter_list: str, now: datetime) -> Orders:
        """Give what is wanted of a master: schedules where it has another version, commands that are open.

        `meter_list` is the version that the master has. Commands count as sent from now on, and come again until there is a
        result. Raise `UnknownError`.
        """

    async def add_command(self, serial: str, command: Command, now: datetime) -> None:
        """Want something once; an id that is there already changes nothing. Raise `UnknownError`."""

    async def cancel_command(self, serial: str, id: str, now: datetime) -> None:
        """Want it no more; raise `UnknownError` where it is not open."""

    async def commands(self, serial: str, limit: int = 100) -> tuple[StoredCommand, ...]:
        """Give the newest of a master."""

    async def command(self, serial: str, id: str) -> StoredCommand:
        """Give one; raise `UnknownError`."""


class Intake(Protocol):
    """What masters deliver."""

    async def take(self, serial: str, batch: Batch, received: datetime) -> Receipt:
        """Store a batch, all in one; readings that are there already are receipted again and not stored twice.

        A reading whose telegrams are another meter's goes to quarantine and is receipted. Raise `UnknownError` for a master that
        was not taken in and `WrongOwnerError` where the batch is another's.
        """


class Queries(Protocol):
    """What pages and exports ask. Times are when readings were taken: from `since` on, before `until`."""

    async def readings(
        self,
        meter: int,
        since: datetime,
        until: datetime,
        *,
        after: Cursor | None = None,
        limit: int = 1000,
        with_raw: bool = True,
    ) -> ReadingPage:
        """Give readings of a meter page by page, each with `after` of the page before; a page has 10,000 at most."""

    async def series(
        self,
        meter: int,
        register: Register,
        since: datetime,
        until: datetime,
        *,
        after: Cursor | None = None,
        limit: int = 1000,
    ) -> SeriesPage:
        """Give what a register was, page by page; `limit` counts readings, also those that do not have it."""

    async def latest(self, meters: Iterable[int]) -> dict[int, StoredReading]:
        """Give the newest sound reading of each meter that has one."""

    async def registers(self, meter: int) -> tuple[Register, ...]:
        """Give every register that a meter ever had, those of its newest reading first, in their order."""

    async def consumption(
        self, meter: int, register: Register, period: Period, zone: str, since: datetime, until: datetime
    ) -> tuple[Consumption, ...]:
        """Give what was used in each period that touches the time; the rule stands in `mbusheadend.judging.consumption`.

        Raise `ValueError` as `mbusheadend.judging.consumption.boundaries` does.
        """

    async def completeness(
        self,
        since: datetime,
        until: datetime,
        *,
        serial: str | None = None,
        meters: Iterable[int] | None = None,
    ) -> tuple[Completeness, ...]:
        """Compare for each meter the slots in this time with the sound readings, and name the gaps.

        Only meters that something was expected of: at this master, among these. Slots to come count too: end the time now. A
        slot for which the meter was read again later counts as received.
        """

    async def quarantine(self, limit: int = 100) -> tuple[Quarantined, ...]:
        """Give the newest readings whose telegrams are of another meter than the one that was asked."""


class Upkeep(Protocol):
    """What is done to readings later, in pieces, so that intake never waits for long: call again until it is done."""

    async def set_key(self, meter: int, key: bytes | None) -> None:
        """Store the key (16 bytes) of an encrypted meter, or forget it; what came before is opened by `redecode_meter`.

        Raise `UnknownError`, and `StoreRefusedError` where it is no key or there is no key file.
        """

    async def closed_keys(self) -> int:
        """Count the stored keys that the key file does not open: it is not the one with which they were stored."""

    async def redecode(self, limit: int = 500) -> Redecoded:
        """Make the values of the next readings again that another version of the decoder has made. Raise `KeyFileError`.

        Where it stopped is stored; done twice, it changes nothing the second time. Readings without raw telegrams stay as they
        are.
        """

    async def redecode_meter(
        self, meter: int, after: Cursor | None = None, limit: int = 500
    ) -> tuple[Redecoded, Cursor | None]:
        """Make values of a meter again, whatever made them; go on with the cursor until there is none. Raise `KeyFileError`."""

    async def prune(
        self, *, raw_before: datetime | None, readings_before: datetime | None, limit: int = 500
    ) -> Pruned:
        """Give up raw telegrams, and whole readings, that were received before a time; None gives up nothing.

        With the readings go quarantine, settled commands and expectations of that time.
        """

    async def forget_lapsed(self, before: datetime) -> int:
        """Forget tokens that were used or expired before a time, and certificates that lapsed before it; say how many.

        The last certificate of a master stays, so that people see when it lapsed.
        """

    async def shrink(self, pages: int = 500) -> int:
        """Give some room that nothing needs any more back to the disk; say how many bytes of that are left."""

    async def extent(self) -> Extent:
        """Tell how big the store is."""

    async def delete_meter(self, number: int) -> None:
        """Forget a meter and all its readings; raise `UnknownError`."""

    async def back_up(self, path: Path) -> None:
        """Copy the whole store as it is now into a new file, without the key file.

        Raise `StoreRefusedError` where there is such a file already. `mbusheadend.store.sqlite.restoring` brings it back.
        """


class Store(
    Enrolment,
    Fleet,
    Wanted,
    Intake,
    Queries,
    Upkeep,
    Alarms,
    Notifying,
    Judging,
    Filling,
    Browsing,
    Viewing,
    Locals,
    Leases,
    Archiving,
    Rollouts,
    Shared,
    Protocol,
):
    """All of it.

    :ivar changes: tells whose orders have changed.
    """

    @property
    def changes(self) -> Changes:
        """News of orders."""

    def close(self) -> None:
        """Finish what was begun and close."""
