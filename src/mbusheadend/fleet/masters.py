"""Masters as people see them: who is there, who ought to have called, and what became of what was asked of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from mbusheadend.fleet.day import DayCount
from mbusheadend.fleet.desk import Desk
from mbusheadend.store import Master, Store, StoredCertificate, StoredCommand
from mbusheadend.store.browsing import MasterFilter, MasterPage
from mbusheadend.store.fleet import CommandState
from mbusheadend.watch.limits import limits_in
from mbushosting.contact import Command, CommandKind

MOST_COMMANDS: Final = 50
"""Shown of one master."""


class CallState(StrEnum):
    """Whether a master is there."""

    CONNECTED = "connected"
    """An order reaches it within a moment."""
    HEARD = "heard"
    OVERDUE = "overdue"
    NEVER = "never heard"
    LOCAL = "read locally"
    """It never calls: the head-end reads it itself."""


@dataclass(frozen=True, slots=True)
class MasterRow:
    """A master in the list.

    :ivar meters: how many are there; `alarms` how many are open.
    :ivar day: None where nothing was expected, or nobody has counted yet.
    """

    master: Master
    state: CallState
    meters: int
    alarms: int
    day: DayCount | None


@dataclass(frozen=True, slots=True)
class MasterRows:
    """A page of the list."""

    rows: tuple[MasterRow, ...]
    matching: int
    total: int


@dataclass(frozen=True, slots=True)
class MasterView:
    """A master with all that is known of it.

    :ivar certificates: the one that lapses last first.
    :ivar commands: the newest first.
    :ivar has_orders: whether the newest orders are in force there.
    """

    row: MasterRow
    certificates: tuple[StoredCertificate, ...]
    commands: tuple[StoredCommand, ...]
    has_orders: bool

    @property
    def trusted_until(self) -> datetime | None:
        """When the last certificate that is trusted lapses; None where none is."""
        return next((one.not_after for one in self.certificates if one.revoked is None), None)


async def overdue_after(store: Store) -> timedelta:
    """Give after how long without a call a master is overdue: then an alarm is raised, too. Raise `StoreError`."""
    return timedelta(minutes=(await limits_in(store)).silent_minutes)


def state_of(master: Master, now: datetime, overdue: timedelta, *, is_connected: bool) -> CallState:
    """Say whether a master is there; it is overdue after so long without a call."""
    if master.local is not None:
        return CallState.LOCAL
    if is_connected:
        return CallState.CONNECTED
    if master.last_contact is None:
        return CallState.NEVER
    return CallState.OVERDUE if now - master.last_contact > overdue else CallState.HEARD


async def list_masters(desk: Desk, chosen: MasterFilter, offset: int = 0, limit: int = 50) -> MasterRows:
    """Give a page of masters. Raise `StoreError`."""
    page: MasterPage = await desk.store.find_masters(chosen, offset, limit)
    return MasterRows(await _rows(desk, page.masters), page.matching, page.total)


async def see_master(desk: Desk, serial: str) -> MasterView:
    """Give a master. Raise `UnknownError`, `StoreError`."""
    master = await desk.store.master(serial)
    (row,) = await _rows(desk, (master,))
    return MasterView(
        row,
        await desk.store.certificates(serial),
        await desk.store.commands(serial, MOST_COMMANDS),
        master.contact is not None and master.contact.orders == master.orders_version,
    )


async def ask_for_list(desk: Desk, serial: str, id: str) -> None:
    """Let a master send its meter list again. Raise `UnknownError`, `StoreError`."""
    now = desk.now()
    await desk.store.add_command(
        serial, Command(id=id, kind=CommandKind.CONTACT, expires=now + timedelta(days=1)), now
    )


def is_open(command: StoredCommand, now: datetime) -> bool:
    """Tell whether a command may still be done; what has expired is noted when the master calls."""
    expires = command.command.expires
    return command.state in (CommandState.WAITING, CommandState.SENT) and (expires is None or expires > now)


async def _rows(desk: Desk, masters: tuple[Master, ...]) -> tuple[MasterRow, ...]:
    serials = [master.serial for master in masters]
    meters = await desk.store.meters_at(serials)
    alarms = await desk.store.alarms_at(serials)
    view = await desk.day.glance()
    days: Mapping[str, DayCount] = {} if view is None else view.masters
    now, overdue = desk.now(), await overdue_after(desk.store)
    return tuple(
        MasterRow(
            master,
            state_of(master, now, overdue, is_connected=desk.is_connected(master.serial)),
            meters.get(master.serial, 0),
            alarms.get(master.serial, 0),
            days.get(master.serial),
        )
        for master in masters
    )
