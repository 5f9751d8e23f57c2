"""Carries out rounds on one bus, meter by meter: commands first, schedules in turn, beside everybody else who uses the bus."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from mbus.addressing import SELECTED
from mbus.errors import MBusError
from mbus.link.station import Stations
from mbus.procedures.persistent import Manner, ReadOutcome, Result, rates_between, read_meter
from mbus.procedures.read import release
from mbushosting.readings import Outcome
from mbusio.errors import BusIOError
from mbusmaster.bus.client import Client
from mbusmaster.bus.engine import BusEngine
from mbusmaster.bus.turns import Priority
from mbusmaster.errors import BusCrowdedError, BusDownError
from mbusmaster.hosting.errors import HostingFileError
from mbusmaster.hosting.meters import Memory
from mbusmaster.hosting.outbox import Outbox
from mbusmaster.hosting.reader import Subject
from mbusmaster.hosting.state import CLIENT
from mbusmaster.hosting.taken import Taken
from mbusmaster.hosting.waits import within

STORE_AGAIN: Final = 10.0
"""Seconds before a reading that could not be stored is tried again; nobody reads on meanwhile."""
LOOK_AGAIN: Final = 30.0
"""Seconds after which the time of day is looked at again while the bus is down."""
CROWDED_AGAIN: Final = 5.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Round:
    """One round of a schedule, or what a command wants.

    :ivar id: of the schedule or command.
    :ivar patient_until: how long to wait for a bus that is down.
    :ivar urgent: goes before all that are not.
    :ivar parts: buses on which something is left to do.
    :ivar asked: meters that were read, or tried.
    """

    id: str
    slot: datetime
    patient_until: datetime
    urgent: bool = False
    application_reset: bool = False
    silent_at_end: bool = False
    remembered_rate: bool = False
    budget: int | None = None
    parts: int = 0
    asked: int = 0
    answered: int = 0
    resets: int = 0
    finished: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Part:
    """A round on one bus.

    :ivar once: meters that are asked for the first time; `left`: those that were silent then, or all.
    """

    round: Round
    once: deque[Subject]
    left: deque[Subject]


class BusRounds:
    """The rounds on one bus.

    :param clock: gives the time, UTC; :param quality: what is to be thought of it, in a word.
    """

    def __init__(
        self,
        engine: BusEngine,
        outbox: Outbox,
        memory: Memory,
        *,
        clock: Callable[[], datetime],
        quality: Callable[[], str],
    ) -> None:
        self._engine = engine
        self._outbox = outbox
        self._memory = memory
        self._clock = clock
        self._quality = quality
        self._stations = Stations()
        self._parts: deque[_Part] = deque()
        self._wake = asyncio.Event()
        self._ending = False

    def add(self, round: Round, subjects: Iterable[Subject]) -> None:
        """Let meters of this bus be read in a round."""
        subjects = deque(subjects)
        part = _Part(round, subjects, deque()) if round.silent_at_end else _Part(round, deque(), subjects)
        round.parts += 1
        self._parts.append(part)
        self._wake.set()

    def drop(self, round: Round) -> None:
        """End a round after the meter that is being read."""
        for part in self._parts:
            if part.round is round:
                part.once.clear()
                part.left.clear()
        self._wake.set()

    def end(self) -> None:
        """Let `run` return after the meter that is being read."""
        self._ending = True
        self._wake.set()

    async def run(self) -> None:
        """Read until `end` or cancelled."""
        with await self._join() as client:
            self._stations = Stations()
            forget = self._engine.on_health(lambda _: self._wake.set())
            try:
                while not self._ending:
                    self._wake.clear()
                    self._finish_parts()
                    part = self._choose(client)
                    if part is None:
                        await self._rest(client)
                    else:
                        await self._go_on(client, part)
            finally:
                forget()

    async def _join(self) -> Client:
        while True:
            try:
                return self._engine.client(CLIENT, Priority.SCHEDULED, kind="hosting")
            except BusCrowdedError as error:
                _log.warning("hosted reading: %s; trying again", error)
                await asyncio.sleep(CROWDED_AGAIN)

    def _finish_parts(self) -> None:
        for part in tuple(self._parts):
            if not part.once and not part.left:
                self._parts.remove(part)
                part.round.parts -= 1
                if not part.round.parts:
                    part.round.finished.set()

    def _choose(self, client: Client) -> _Part | None:
        """Give the part whose turn it is; while the bus is down, one that has waited for it long enough."""
        ready = list(self._parts)
        if not client.has_bus:
            now = self._clock()
            ready = [part for part in ready if now >= part.round.patient_until]
        chosen = next((part for part in ready if part.round.urgent), ready[0] if ready else None)
        if chosen is not None:
            # Schedules take turns, meter by meter.
            self._parts.remove(chosen)
            self._parts.append(chosen)
        return chosen

    async def _rest(self, client: Client) -> None:
        """Wait until there is something to do."""
        if not self._parts:
            await self._release(client)
        await within(LOOK_AGAIN if self._parts else None, self._wake)

    async def _release(self, client: Client) -> None:
        """Leave no meter selected."""
        if client.has_bus and self._stations.is_agreed(SELECTED):
            client.use_baud(self._engine.settings.default_baud)
            with contextlib.suppress(BusDownError, BusIOError):
                await client.run(release(self._stations))
            self._stations.failed(SELECTED)

    async def _go_on(self, client: Client, part: _Part) -> None:
        """Read the next meter of a part."""
        first = bool(part.once)
        who = part.once[0] if first else part.left[0]
        round = part.round
        try:
            if not await self._memory.may_read(who, round.budget, self._clock()):
                _log.debug("hosted reading: the budget of %s for today is used up", who.address)
                self._done_with(part, who, first)
                return
            result = await self._read(client, round, who, once=first)
            if result is None:
                return
            if first and result.outcome not in (ReadOutcome.OK, ReadOutcome.BUS_DOWN):
                if self._done_with(part, who, first):
                    part.left.append(who)
                return
            await self._keep(round, who, result)
        except HostingFileError as error:
            _log.error("hosted reading: %s", error)
            await self._pause(STORE_AGAIN)
            return
        self._done_with(part, who, first)

    def _done_with(self, part: _Part, who: Subject, first: bool) -> bool:
        """Take a meter off the list; false where the round was dropped meanwhile."""
        waiting = part.once if first else part.left
        if not waiting or waiting[0] is not who:
            return False
        waiting.popleft()
        return True

    async def _read(self, client: Client, round: Round, who: Subject, *, once: bool) -> Result | None:
        """Read a meter; None where the bus went away and may be waited for."""
        settings = self._engine.settings
        manner = Manner(
            settings.default_baud,
            rates_between(settings.min_baud, settings.max_baud),
            float(settings.timeout),
            settings.retries,
            once=once,
            remembered_first=round.remembered_rate,
            application_reset=round.application_reset,
        )
        why = ""
        if client.has_bus:
            try:
                return await client.run(read_meter(who, manner, self._stations, self._memory.known(who)))
            except BusDownError as error:
                why = str(error)
                self._stations.forget()
                if self._clock() < round.patient_until:
                    return None
            except (BusIOError, MBusError) as error:
                self._stations.forget()
                why = str(error)
        remark = why or self._engine.health.reason
        return Result(ReadOutcome.BUS_DOWN, 0, settings.default_baud, remark=remark[:256])

    async def _keep(self, round: Round, who: Subject, result: Result) -> None:
        """Store a reading, for as long as that takes."""
        taken = Taken(
            who.bus,
            who.address,
            round.id,
            round.slot,
            self._clock(),
            self._quality()[:32],
            Outcome(result.outcome),
            result.attempts,
            result.baud,
            result.frames,
            result.remark,
        )
        while True:
            try:
                await self._outbox.store(taken)
                break
            except HostingFileError as error:
                _log.error("hosted reading: %s", error)
                if self._ending:
                    return
                await self._pause(STORE_AGAIN)
        round.asked += 1
        round.resets += round.application_reset and result.attempts > 0
        if result.frames:
            self._memory.note_answer(who)
        if result.known is not None:
            round.answered += 1
            with contextlib.suppress(HostingFileError):
                await self._memory.learn(who, result.known)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than until the end."""
        until = asyncio.get_running_loop().time() + seconds
        while not self._ending and (left := until - asyncio.get_running_loop().time()) > 0:
            self._wake.clear()
            await within(left, self._wake)
