"""Fills gaps of one master after the other, a few requests at a time."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from mbusheadend.filling.gaps import AGAIN, HISTORY, Filled, FillState, GapFill, Source
from mbusheadend.filling.memory import ahead_of_utc, memories_of
from mbusheadend.filling.plan import LATE, Action, Facts, begin, plan
from mbusheadend.store import Completeness, Gap, Master, Meter, Store, StoredReading, UnknownError
from mbusheadend.store.fleet import CommandState
from mbushosting.contact import Command, CommandKind
from mbushosting.parts import MeterName
from mbushosting.readings import Outcome
from mbushosting.schedules import Schedule
from mbushosting.slots import UnknownZoneError, next_slot, slots_between

MOST_READINGS: Final = 5000
"""That a master is asked for at once."""
LONGEST_SPAN: Final = timedelta(days=8)
MOST_METERS: Final = 250
"""That are read again by one command."""
MOST_SLOTS: Final = 1000
"""Of one gap that are compared with the meter's memory."""
BEFORE: Final = timedelta(days=2)
"""How far before a gap the meter's clock is looked up."""
EXPIRES: Final = timedelta(days=1)
READ_EXPIRES: Final = timedelta(minutes=30)


@dataclass(slots=True)
class _Work:
    """A gap at work."""

    gap: Gap
    fill: GapFill
    before: GapFill | None
    action: Action = Action.NOTHING


class Filler:
    """Fills gaps."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def step(
        self,
        master: Master,
        found: Iterable[Completeness],
        schedules: Mapping[str, Schedule],
        *,
        is_silent: bool,
    ) -> int:
        """Do what can be done now about the gaps of a master; say how many slots were filled. Raise `StoreError`."""
        gaps = [gap for one in found for gap in one.gaps]
        known = await self._store.fills(master.serial)
        if not gaps and not known:
            return 0
        meters = {meter.id: meter for meter in await self._store.meters(master.serial)}
        now = self._now()
        works = [
            _Work(gap, begin(gap, before, now), before)
            for gap in gaps
            if gap.meter in meters
            for before in (_earlier(gap, known),)
        ]
        filled = await self._take_answers(works)
        commands = await self._commands(master.serial, works)
        for work in works:
            facts = await self._facts(master, work, schedules, commands, is_silent=is_silent)
            work.fill, work.action = plan(work.fill, work.gap, facts)
        filled += await self._remember(works, schedules)
        await self._ask_history(master.serial, works, meters)
        await self._read_again(master.serial, works, meters)
        await self._keep(works, known)
        return filled

    async def begin_again(self, serial: str) -> None:
        """Let gaps that were put off or given up be tried again at once. Raise `StoreError`."""
        put_off = (FillState.LATER, FillState.LEFT)
        fills = [one for one in await self._store.fills(serial) if one.state in put_off and not one.command]
        again = [
            replace(one, state=FillState.NEW, asked_history=0, asked_meter=0, due=None, tried="")
            for one in fills
        ]
        await self._store.put_fills(again, [])

    async def _take_answers(self, works: Iterable[_Work]) -> int:
        """Put readings that were taken again into their slots."""
        filled = []
        for work in works:
            if not work.fill.command.startswith(AGAIN):
                continue
            page = await self._store.readings(
                work.gap.meter, work.gap.last, self._now() + LATE, with_raw=False
            )
            answer = next(
                (
                    one
                    for one in page.readings
                    if one.schedule == work.fill.command and one.outcome is Outcome.OK
                ),
                None,
            )
            if answer is not None:
                slot = work.gap.last
                filled.append(
                    Filled(
                        work.gap.meter, work.gap.schedule, slot, Source.READ_AGAIN, answer.id, answer.taken
                    )
                )
        await self._store.put_filled(filled)
        return len(filled)

    async def _commands(self, serial: str, works: Iterable[_Work]) -> Mapping[str, CommandState]:
        found = {}
        for id in {work.fill.command for work in works if work.fill.command}:
            try:
                found[id] = (await self._store.command(serial, id)).state
            except UnknownError:
                continue
        return found

    async def _facts(
        self,
        master: Master,
        work: _Work,
        schedules: Mapping[str, Schedule],
        commands: Mapping[str, CommandState],
        *,
        is_silent: bool,
    ) -> Facts:
        now, gap = self._now(), work.gap
        schedule = schedules.get(gap.schedule)
        outbox = None if master.contact is None else master.contact.outbox
        return Facts(
            now,
            is_silent or outbox is None,
            outbox.oldest or gap.first if outbox is not None and outbox.waiting else None,
            None if outbox is None else outbox.kept_since,
            schedule,
            None if schedule is None else _next(schedule, gap.last),
            commands.get(work.fill.command),
            await self._may_read(gap, schedule, now),
        )

    async def _may_read(self, gap: Gap, schedule: Schedule | None, now: datetime) -> bool:
        """Look whether the meter's budget leaves a reading today; only where that is asked at all."""
        if schedule is None or schedule.budget is None or now - gap.last > LATE:
            return True
        return await read_on_day(self._store, gap.meter, now) < schedule.budget

    async def _remember(self, works: Sequence[_Work], schedules: Mapping[str, Schedule]) -> int:
        """Look into the memory of meters that have said something new since it was done last."""
        wanted = [
            work
            for work in works
            if work.action is Action.NOTHING and work.fill.state in (FillState.LEFT, FillState.LATER)
        ]
        latest = await self._store.latest({work.gap.meter for work in wanted})
        count = 0
        for work in wanted:
            reading, schedule = latest.get(work.gap.meter), schedules.get(work.gap.schedule)
            if reading is None or schedule is None or reading.id == work.fill.tried:
                continue
            work.fill = replace(work.fill, tried=reading.id)
            if reading.taken > work.gap.first:
                filled = await self._remembered(work.gap, schedule, reading)
                await self._store.put_filled(filled)
                count += len(filled)
        return count

    async def _remembered(self, gap: Gap, schedule: Schedule, reading: StoredReading) -> list[Filled]:
        memories, ahead = tuple(memories_of(reading)), ahead_of_utc(reading)
        if not memories or ahead is None or ahead != await self._ahead_before(gap):
            return []
        filled = []
        for slot in _slots(schedule, gap):
            distance = (_next(schedule, slot) or slot + LONGEST_SPAN) - slot
            filled += [
                Filled(
                    gap.meter,
                    gap.schedule,
                    slot,
                    Source.MEMORY,
                    reading.id,
                    reading.taken,
                    memory.storage,
                    memory.is_by_day,
                    memory.values,
                )
                for memory in memories
                if memory.is_of(slot, ahead, distance)
            ][:1]
        return filled

    async def _ahead_before(self, gap: Gap) -> timedelta | None:
        page = await self._store.readings(gap.meter, gap.first - BEFORE, gap.first, with_raw=False)
        told = [ahead_of_utc(one) for one in page.readings if one.outcome is Outcome.OK]
        return told[-1] if told else None

    async def _ask_history(self, serial: str, works: Sequence[_Work], meters: Mapping[int, Meter]) -> None:
        """Ask for as much at once as a master delivers in a few minutes; the rest waits for the next time."""
        wanted = sorted(
            (work for work in works if work.action is Action.ASK_HISTORY),
            key=lambda work: work.gap.last,
            reverse=True,
        )
        if not wanted:
            return
        busy = any(work.fill.command.startswith(HISTORY) for work in works)
        chosen: list[_Work] = []
        for work in wanted:
            if not busy and _fits([*chosen, work]):
                chosen.append(work)
            else:
                work.fill = work.before or replace(work.fill, state=FillState.NEW)
        if not chosen:
            return
        command = Command(
            id=f"{HISTORY}{secrets.token_hex(8)}",
            kind=CommandKind.RESEND,
            meters=_names(chosen, meters),
            since=min(work.gap.first for work in chosen),
            until=max(work.gap.last for work in chosen) + LATE,
            expires=self._now() + EXPIRES,
        )
        for work in chosen:
            work.fill = replace(work.fill, command=command.id, asked_history=work.fill.asked_history + 1)
        await self._store.add_command(serial, command, self._now())

    async def _read_again(self, serial: str, works: Sequence[_Work], meters: Mapping[int, Meter]) -> None:
        wanted = [work for work in works if work.action is Action.READ_AGAIN]
        if not wanted:
            return
        chosen = wanted[:MOST_METERS]
        for work in wanted[MOST_METERS:]:
            work.fill = work.before or replace(work.fill, state=FillState.NEW)
        command = Command(
            id=f"{AGAIN}{secrets.token_hex(8)}",
            kind=CommandKind.READ,
            meters=_names(chosen, meters),
            application_reset=False,
            expires=self._now() + READ_EXPIRES,
        )
        for work in chosen:
            work.fill = replace(work.fill, command=command.id, asked_meter=work.fill.asked_meter + 1)
        await self._store.add_command(serial, command, self._now())

    async def _keep(self, works: Iterable[_Work], known: Sequence[GapFill]) -> None:
        there = {_key(work.fill): work.fill for work in works}
        stored = {_key(one): one for one in known}
        await self._store.put_fills(
            [fill for key, fill in there.items() if stored.get(key) != fill],
            [one for key, one in stored.items() if key not in there],
        )


async def read_on_day(store: Store, meter: int, now: datetime) -> int:
    """Count the readings of a meter since midnight UTC in which it answered: what a budget counts."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    page = await store.readings(meter, midnight, midnight + timedelta(days=1), with_raw=False)
    return sum(bool(one.decoded) for one in page.readings)


def _earlier(gap: Gap, known: Iterable[GapFill]) -> GapFill | None:
    """Give what is known of a gap that this one is a part of, or has grown from."""
    overlapping = (
        one
        for one in known
        if (one.meter, one.schedule) == (gap.meter, gap.schedule)
        and one.first <= gap.last
        and gap.first <= one.last
    )
    return next(overlapping, None)


def _fits(works: Sequence[_Work]) -> bool:
    first, last = min(work.gap.first for work in works), max(work.gap.last for work in works)
    return len(works) == 1 or (
        sum(work.gap.slots for work in works) <= MOST_READINGS and last - first <= LONGEST_SPAN
    )


def _names(works: Iterable[_Work], meters: Mapping[int, Meter]) -> tuple[MeterName, ...]:
    places = (meters[work.gap.meter].place for work in works)
    names = {(place.bus, place.address): None for place in places if place is not None}
    return tuple(MeterName(bus=bus, address=address) for bus, address in names)


def _next(schedule: Schedule, slot: datetime) -> datetime | None:
    try:
        return next_slot(schedule.rule, slot)
    except UnknownZoneError:
        return None


def _slots(schedule: Schedule, gap: Gap) -> tuple[datetime, ...]:
    try:
        return tuple(
            islice(slots_between(schedule.rule, gap.first, gap.last + timedelta(seconds=1)), MOST_SLOTS)
        )
    except UnknownZoneError:
        return ()


def _key(fill: GapFill) -> tuple[int, str, datetime]:
    return fill.meter, fill.schedule, fill.first
