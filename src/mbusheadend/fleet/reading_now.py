"""*Read now*: meters are read once, as soon as their master can be told, and one sees how far it is.

One order can be for meters of several masters: each gets a command, all of one id, and the readings come with that id as their
schedule.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from mbusheadend.fleet.desk import Desk
from mbusheadend.fleet.masters import CallState, is_open, overdue_after, state_of
from mbusheadend.store import CommandState, Meter, StoredCommand, StoreRefusedError, UnknownError
from mbusheadend.store.browsing import CommandReading
from mbushosting.contact import Command, CommandKind
from mbushosting.parts import MeterName
from mbushosting.readings import Outcome

VALID: Final = timedelta(days=1)
"""An order that its master has not heard until then lapses."""
MOST_METERS: Final = 2500
"""That one order names at a master; it can be for all of a master besides."""
PREFIX: Final = "now-"
DELIVERY: Final = timedelta(minutes=1)
"""So long readings may come after the master has said that it is done."""


class ReadError(StoreRefusedError):
    """Nothing can be read: the message says why, for the log; `kind` for pages.

    :ivar kind: ``nobody`` where no meter was named, ``nowhere`` where none of them is at a master that calls, ``many`` where
        they are too many.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class ReadState(StrEnum):
    """How far an order is at one master."""

    WAITING = "waiting"
    """For the master to call."""
    AT_WORK = "at work"
    DONE = "done"
    """Read; readings may still be on their way."""
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class MeterProgress:
    """A meter that is to be read; `reading` is None until it is here."""

    meter: Meter
    reading: CommandReading | None


@dataclass(frozen=True, slots=True)
class MasterProgress:
    """How far an order is at one master.

    :ivar detail: in the master's words.
    :ivar is_over: whether nothing more is to be waited for.
    """

    serial: str
    name: str
    state: ReadState
    call: CallState
    last_contact: datetime | None
    expires: datetime | None
    detail: str
    meters: tuple[MeterProgress, ...]
    is_over: bool

    @property
    def done(self) -> int:
        """How many meters have a reading."""
        return sum(one.reading is not None for one in self.meters)


@dataclass(frozen=True, slots=True)
class ReadProgress:
    """How far an order is.

    :ivar added: when it was given.
    """

    id: str
    added: datetime
    masters: tuple[MasterProgress, ...]

    @property
    def of(self) -> int:
        """How many meters are to be read."""
        return sum(len(one.meters) for one in self.masters)

    @property
    def done(self) -> int:
        """How many of them have a reading."""
        return sum(one.done for one in self.masters)

    @property
    def answered(self) -> int:
        """How many of them have a sound reading."""
        return sum(
            line.reading is not None and line.reading.outcome is Outcome.OK
            for one in self.masters
            for line in one.meters
        )

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be waited for."""
        return all(one.is_over for one in self.masters)


async def read_meters_now(desk: Desk, numbers: Iterable[int], *, application_reset: bool = False) -> str:
    """Order that meters are read; give the id of the order. Raise `ReadError`, `UnknownError`, `StoreError`."""
    wanted = dict.fromkeys(numbers)
    if not wanted:
        raise ReadError("nobody", "no meter was named")
    if len(wanted) > MOST_METERS:
        raise ReadError("many", f"{len(wanted)} meters are too many at once; read all of a master")
    local = {master.serial for master in await desk.store.masters() if master.local is not None}
    by_master: dict[str, list[MeterName]] = {}
    for number in wanted:
        place = (await desk.store.meter(number)).place
        if place is not None and place.master not in local:
            by_master.setdefault(place.master, []).append(MeterName(bus=place.bus, address=place.address))
    if not by_master:
        raise ReadError("nowhere", "no master reads these meters now")
    return await _order(desk, by_master, application_reset=application_reset)


async def read_master_now(desk: Desk, serial: str, *, application_reset: bool = False) -> str:
    """Order that all meters of a master are read; give the id of the order. Raise as `read_meters_now`."""
    if (await desk.store.master(serial)).local is not None:
        raise ReadError("nowhere", f"the master {serial} does not call: it is read locally")
    if not (await desk.store.meters_at((serial,))).get(serial):
        raise ReadError("nobody", f"no meters of the master {serial} are known")
    return await _order(desk, {serial: []}, application_reset=application_reset)


async def cancel_read(desk: Desk, id: str) -> int:
    """Take an order back where it has not ended; what the master has read already comes all the same. Raise `StoreError`."""
    cancelled = 0
    for command in await _commands(desk, id):
        try:
            await desk.store.cancel_command(command.master, id, desk.now())
            cancelled += 1
        except UnknownError:
            continue
    return cancelled


async def read_progress(desk: Desk, id: str) -> ReadProgress:
    """Say how far an order is. Raise `UnknownError`, `StoreError`."""
    commands = await _commands(desk, id)
    if not commands:
        raise UnknownError(f"there is no order {id} to read")
    masters = tuple([await _progress(desk, command) for command in commands])
    return ReadProgress(id, min(command.added for command in commands), masters)


async def _commands(desk: Desk, id: str) -> tuple[StoredCommand, ...]:
    found = await desk.store.command_everywhere(id)
    return tuple(command for command in found if command.command.kind is CommandKind.READ)


async def _order(desk: Desk, by_master: Mapping[str, list[MeterName]], *, application_reset: bool) -> str:
    now = desk.now()
    command = Command(
        id=f"{PREFIX}{secrets.token_hex(8)}",
        kind=CommandKind.READ,
        application_reset=application_reset,
        expires=now + VALID,
    )
    for serial, names in sorted(by_master.items()):
        await desk.store.add_command(serial, command.model_copy(update={"meters": tuple(names)}), now)
    return command.id


async def _progress(desk: Desk, command: StoredCommand) -> MasterProgress:
    now, serial = desk.now(), command.master
    readings = {one.meter: one for one in await desk.store.brought(serial, command.command.id, command.added)}
    try:
        master = await desk.store.master(serial)
    except UnknownError:
        name, call, heard = "", CallState.NEVER, None
    else:
        name, heard = master.name, master.last_contact
        overdue = await overdue_after(desk.store)
        call = state_of(master, now, overdue, is_connected=desk.is_connected(serial))
    named = {(one.bus, one.address) for one in command.command.meters}
    meters = [
        meter
        for meter in await desk.store.meters(serial)
        if meter.id in readings
        or not named
        or (meter.place is not None and (meter.place.bus, meter.place.address) in named)
    ]
    state = _state(command, now)
    is_all = all(meter.id in readings for meter in meters)
    return MasterProgress(
        serial,
        name,
        state,
        call,
        heard,
        command.command.expires,
        command.detail,
        tuple(MeterProgress(meter, readings.get(meter.id)) for meter in meters),
        _is_over(state, is_all=is_all, is_late=now - command.changed > DELIVERY),
    )


def _is_over(state: ReadState, *, is_all: bool, is_late: bool) -> bool:
    """Tell whether nothing more comes; what the master says it has read may still be on its way."""
    match state:
        case ReadState.WAITING | ReadState.AT_WORK:
            return False
        case ReadState.DONE | ReadState.FAILED:
            return is_all or is_late
    return True


def _state(command: StoredCommand, now: datetime) -> ReadState:
    match command.state:
        case CommandState.WAITING | CommandState.SENT if not is_open(command, now):
            return ReadState.EXPIRED
        case CommandState.WAITING:
            return ReadState.WAITING
        case CommandState.SENT:
            return ReadState.AT_WORK
        case CommandState.DONE:
            return ReadState.DONE
        case CommandState.EXPIRED:
            return ReadState.EXPIRED
        case CommandState.CANCELLED:
            return ReadState.CANCELLED
    return ReadState.FAILED
