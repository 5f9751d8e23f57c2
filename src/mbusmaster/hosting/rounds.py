"""Begins rounds when their slots come, and does what commands ask for; the buses work side by side.

A round of a schedule never overlaps itself: a slot that comes while the last round is at work is missed, and made up or skipped
as the schedule says. A round that was interrupted goes on with the meters that have no reading yet, unless a newer slot has come.
Where the bus is down, a round waits for it: until the next slot where missed ones are made up, else for a minute.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from mbushosting.contact import Command, CommandKind
from mbushosting.parts import MeterName
from mbushosting.schedules import Missed
from mbusmaster.bus.engine import BusEngine
from mbusmaster.hosting.alarms import Alarms
from mbusmaster.hosting.busrounds import BusRounds, Round
from mbusmaster.hosting.commands import Commands, Pending
from mbusmaster.hosting.errands import Done, Errands
from mbusmaster.hosting.errors import HostingFileError
from mbusmaster.hosting.meters import Memory, Name, subjects_of
from mbusmaster.hosting.orders import Orders
from mbusmaster.hosting.outbox import Outbox
from mbusmaster.hosting.plans import Plan
from mbusmaster.hosting.reader import Subject
from mbusmaster.hosting.state import RoundDone
from mbusmaster.hosting.waits import within
from mbusweb.texts import Text, mark

PATIENCE: Final = timedelta(minutes=1)
"""For a bus that is down, where nothing says that more is wanted."""
LOOK_AGAIN: Final = 30.0
"""Seconds after which the time of day is looked at again: it may have been set."""
FILE_AGAIN: Final = 10.0
UNKNOWN_BUS: Final = mark("The head-end wants meters of a bus that is not here: %(buses)s.")

_log = logging.getLogger(__name__)


class Rounds:
    """What is at work, on all buses.

    :param meters: gives everybody who is listed, with every address that is known.
    :param clock: gives the time, UTC; :param quality: what is to be thought of it, in a word.
    :param list_wanted: is told that a command wants the meter list; :param commands_done: that there is a result;
    :param ended: each round that came to its end.
    :param errands: do what commands want beside reading.
    """

    def __init__(
        self,
        engines: Iterable[BusEngine],
        orders: Orders,
        commands: Commands,
        outbox: Outbox,
        memory: Memory,
        alarms: Alarms,
        *,
        meters: Callable[[], Sequence[Subject]],
        clock: Callable[[], datetime],
        quality: Callable[[], str] = lambda: "",
        list_wanted: Callable[[], None] = lambda: None,
        commands_done: Callable[[], None] = lambda: None,
        ended: Callable[[RoundDone], None] = lambda done: None,
        errands: Errands = MappingProxyType({}),
    ) -> None:
        self._errands = errands
        self._buses = {
            engine.name: BusRounds(engine, outbox, memory, clock=clock, quality=quality) for engine in engines
        }
        self._orders = orders
        self._commands = commands
        self._outbox = outbox
        self._alarms = alarms
        self._meters = meters
        self._clock = clock
        self._list_wanted = list_wanted
        self._commands_done = commands_done
        self._ended = ended
        self._schedules: dict[str, Round] = {}
        self._urgent: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._ending = False

    def look(self) -> None:
        """Orders or commands have changed, or the clock was set."""
        self._wake.set()

    def end(self) -> None:
        """Let `run` return as soon as each bus has finished the meter that is being read."""
        self._ending = True
        for bus in self._buses.values():
            bus.end()
        self._wake.set()

    async def run(self) -> None:
        """Work until `end` or cancelled; once."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, bus in self._buses.items():
                    tasks.create_task(bus.run(), name=f"hosted reading of bus {name}")
                tasks.create_task(self._follow())
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def _follow(self) -> None:
        while not self._ending:
            self._wake.clear()
            wait = LOOK_AGAIN
            try:
                await self._begin_what_is_due()
                self._begin_commands()
                wait = self._seconds_to_next()
            except HostingFileError as error:
                _log.error("hosted reading: %s", error)
                wait = FILE_AGAIN
            await within(wait, self._wake)

    def _seconds_to_next(self) -> float:
        now = self._clock()
        idle = (plan for plan in self._orders.plans if plan.schedule.id not in self._schedules)
        slots = [slot for plan in idle if (slot := plan.next_at(now)) is not None]
        if not slots:
            return LOOK_AGAIN
        return min(LOOK_AGAIN, max(0.0, (min(slots) - now).total_seconds()))

    async def _begin_what_is_due(self) -> None:
        for id in self._schedules.keys() - {plan.schedule.id for plan in self._orders.plans}:
            self._drop(self._schedules[id])
        for plan in self._orders.plans:
            if plan.schedule.id in self._schedules:
                continue
            now = self._clock()
            slot = plan.due(now)
            if slot is not None:
                begun = await self._orders.begin(plan.schedule.id, slot, now)
                if begun is not None:
                    self._begin(begun, ())
            elif plan.slot is not None:
                done = await self._orders.already_read(plan.schedule.id, plan.slot, plan.first)
                self._begin(plan, done)
            else:
                plan.checked = now

    def _begin(self, plan: Plan, done: Collection[Name]) -> None:
        schedule, slot = plan.schedule, plan.slot
        assert slot is not None, "a round has begun"
        now = self._clock()
        patient_until = now + PATIENCE
        if schedule.missed is Missed.MAKE_UP:
            patient_until = max(patient_until, plan.next_at(now) or patient_until)
        round = Round(
            schedule.id,
            slot,
            patient_until,
            application_reset=schedule.application_reset,
            silent_at_end=schedule.silent_at_end,
            remembered_rate=schedule.remembered_rate,
            budget=schedule.budget,
        )
        self._schedules[schedule.id] = round
        self._distribute(round, schedule.meters, done)
        self._track(self._finish(round))

    def _distribute(self, round: Round, wanted: Sequence[MeterName], done: Collection[Name]) -> int:
        """Give each bus its part; tell how many meters there are."""
        subjects, unknown = subjects_of(wanted, self._meters(), self._buses)
        if unknown:
            self._alarms.begin("bus", Text(UNKNOWN_BUS, {"buses": ", ".join(sorted(unknown))}))
        elif wanted:
            self._alarms.end("bus")
        left = [who for who in subjects if (who.bus, who.address) not in done]
        for name, bus in self._buses.items():
            if here := [who for who in left if who.bus == name]:
                bus.add(round, here)
        if not round.parts:
            round.finished.set()
        return len(subjects)

    async def _finish(self, round: Round) -> None:
        """See a round of a schedule to its end."""
        await round.finished.wait()
        while True:
            try:
                await self._orders.finish(round.id, round.slot)
                break
            except HostingFileError as error:
                _log.error("hosted reading: %s", error)
                await asyncio.sleep(FILE_AGAIN)
        _log.info(
            "schedule %s, %s: %d meters read, %d answered", round.id, round.slot, round.asked, round.answered
        )
        del self._schedules[round.id]
        plan = self._orders.plan(round.id)
        self._tell_ended(round, "" if plan is None else plan.schedule.title)
        self._wake.set()

    def _drop(self, round: Round) -> None:
        for bus in self._buses.values():
            bus.drop(round)

    def _begin_commands(self) -> None:
        for pending in self._commands.pending:
            id = pending.command.id
            if id not in self._urgent:
                self._urgent[id] = self._track(self._carry_out(pending))

    async def _carry_out(self, pending: Pending) -> None:
        """Do a command and keep its result."""
        command = pending.command
        try:
            if command.expires is not None and self._clock() > command.expires:
                await self._commands.finish(command.id, "refused", "it came too late")
            elif command.kind is CommandKind.READ:
                await self._read_now(pending)
            elif command.kind is CommandKind.RESEND:
                names = [(one.bus, one.address) for one in command.meters]
                count = await self._outbox.send_again(command.since, command.until, names)
                await self._commands.finish(command.id, "done", f"{count} readings go out again")
            elif command.kind is CommandKind.CONTACT:
                self._list_wanted()
                await self._commands.finish(command.id, "done", "")
            else:
                await self._run_errand(command)
            self._commands_done()
        except HostingFileError as error:
            _log.error("hosted reading: %s", error)
            await asyncio.sleep(FILE_AGAIN)
        del self._urgent[command.id]
        self._wake.set()

    async def _run_errand(self, command: Command) -> None:
        """Have the rest of the master do a command."""
        errand = self._errands.get(command.kind)
        try:
            done = (
                Done("refused", "this master does not do that") if errand is None else await errand(command)
            )
        except Exception:
            _log.exception("command %s stumbled", command.id)
            done = Done("failed", "see the log of the master")
        await self._commands.finish(command.id, done.outcome, done.detail)
        done.then()

    async def _read_now(self, pending: Pending) -> None:
        command = pending.command
        until = self._clock() + PATIENCE
        round = Round(
            command.id, pending.came, until, urgent=True, application_reset=command.application_reset
        )
        done = await self._orders.already_read(command.id, pending.came, pending.first)
        count = self._distribute(round, command.meters, done)
        if not count:
            await self._commands.finish(command.id, "refused", "there is no such meter here")
            return
        await round.finished.wait()
        self._tell_ended(round, "")
        detail = f"{round.answered} of {round.asked} meters answered"
        await self._commands.finish(command.id, "done" if round.answered or done else "failed", detail)

    def _tell_ended(self, round: Round, title: str) -> None:
        now = self._clock()
        done = RoundDone(
            round.id, title, round.slot, now, round.asked, round.answered, round.urgent, round.resets
        )
        self._ended(done)

    def _track(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
