"""A meter list that a person brings to a master: first what it would change, then the change."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from mbusheadend.fleet.desk import Desk
from mbusheadend.meterfile import ImportedMeter, read_meters
from mbusheadend.store import Meter
from mbusio.meterfile import ImportReport


class Effect(StrEnum):
    """What becomes of a line."""

    NEW = "new"
    COMPLETED = "completed"
    """It is there; its primary address or its note changes."""
    UNCHANGED = "unchanged"
    ELSEWHERE = "elsewhere"
    """It is at another master, and stays there."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A line and what becomes of it.

    :ivar known: the meter that it is about, None for a new one.
    """

    meter: ImportedMeter
    effect: Effect
    known: Meter | None


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What a file would change at a master; `report` says what is wrong with other lines."""

    lines: tuple[Planned, ...]
    report: ImportReport

    def count(self, effect: Effect) -> int:
        """Count lines."""
        return sum(line.effect is effect for line in self.lines)

    @property
    def changes(self) -> tuple[Planned, ...]:
        """The lines that change something."""
        return tuple(line for line in self.lines if line.effect in (Effect.NEW, Effect.COMPLETED))


async def plan_import(desk: Desk, serial: str, data: bytes) -> ImportPlan:
    """Say what a file would change. Raise `UnknownError`, `StoreError`."""
    await desk.store.master(serial)
    file = await asyncio.to_thread(read_meters, data)
    here = {
        (meter.place.bus, meter.place.address): meter
        for meter in await desk.store.meters(serial)
        if meter.place is not None
    }
    by_identity = {}
    if any((one.bus, one.address) not in here for one in file.meters):
        by_identity = {meter.identity: meter for meter in await desk.store.meters()}
    lines = tuple(
        _planned(one, here.get((one.bus, one.address)), by_identity.get(one.address)) for one in file.meters
    )
    return ImportPlan(lines, file.report)


async def import_meters(desk: Desk, serial: str, plan: ImportPlan) -> int:
    """Take the lines that change something; say how many meters are new. Raise `UnknownError`, `StoreError`."""
    changes = [(one.meter.bus, one.meter.address, one.meter.primary, one.meter.note) for one in plan.changes]
    return len(await desk.store.add_meters(serial, changes, desk.now())) if changes else 0


def _planned(line: ImportedMeter, here: Meter | None, known: Meter | None) -> Planned:
    if here is None and (known is None or known.place is None):
        return Planned(line, Effect.NEW, known)
    if here is None:
        return Planned(line, Effect.ELSEWHERE, known)
    is_same = line.primary in (None, here.primary) and line.note in ("", here.note)
    return Planned(line, Effect.UNCHANGED if is_same else Effect.COMPLETED, here)
