"""Hosted reading as a whole: the file, the rounds and the conversation with the head-end, on and off as the settings say.

Off, nothing is read and nobody is called; orders, readings and history stay. What is being read when it goes off is read to its
end, and the head-end is told.
"""

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mbushosting import contact
from mbusmaster.bus.engine import BusEngine
from mbusmaster.hosting.agent import FILE_AGAIN, Agent, HeadEnd
from mbusmaster.hosting.alarms import Alarms
from mbusmaster.hosting.commands import Commands
from mbusmaster.hosting.database import FILE_NAME, Database, get_fact, set_fact
from mbusmaster.hosting.errands import Errands
from mbusmaster.hosting.errors import HostingFileError
from mbusmaster.hosting.meters import Memory
from mbusmaster.hosting.orders import Orders
from mbusmaster.hosting.outbox import Outbox
from mbusmaster.hosting.report import MeterReports, Sources, contact_of
from mbusmaster.hosting.rounds import Rounds
from mbusmaster.hosting.state import HostingState, Planned, RoundDone
from mbusmaster.settings.sections.system import HostingSettings
from mbusweb.texts import Text, mark

OFF: Final = mark("Hosting is switched off.")
CLOCK_OFF: Final = mark("The clocks of this master and of the head-end are %(minutes)s minutes apart.")
PURGE_EVERY: Final = 3600.0
GOODBYE: Final = 10.0
"""Seconds for telling the head-end that hosting is off."""
TOLERANCE: Final = timedelta(minutes=2)
AGAIN: Final = 30.0
ROUNDS_SHOWN: Final = 20
_RESET: Final = "users_reset"
_AUTHORITY: Final = "authority"

_log = logging.getLogger(__name__)


class Hosting:
    """Hosted reading; `run` does the work.

    :param folder: for the file.
    :param is_on: whether it may work now; `look` says that this, or a setting, has changed.
    :param executor: uses the file, one job at a time; None is a thread of its own.
    :param changed: is called when `state` may have changed in something else than how many readings there are.
    :param round_ended: is told each round.
    :param errands: do what commands want beside reading.
    """

    def __init__(
        self,
        folder: Path,
        engines: Iterable[BusEngine],
        head_end: HeadEnd,
        sources: Sources,
        *,
        settings: Callable[[], HostingSettings],
        is_on: Callable[[], bool],
        clock: Callable[[], datetime],
        chance: Callable[[], float] = random.random,
        executor: Executor | None = None,
        changed: Callable[[], None] = lambda: None,
        round_ended: Callable[[RoundDone], None] = lambda done: None,
        errands: Errands = MappingProxyType({}),
    ) -> None:
        self._errands = errands
        self._path = folder / FILE_NAME
        self._engines = tuple(engines)
        self._head_end = head_end
        self._sources = sources
        self._settings = settings
        self._is_on = is_on
        self._clock = clock
        self._chance = chance
        self._executor = executor
        self._changed = changed
        self._round_ended = round_ended
        self._alarms = Alarms(self._told_alarm)
        self._users_reset = False
        self._look = asyncio.Event()
        self._work: _Work | None = None

    @property
    def state(self) -> HostingState:
        """How it stands now, without asking anybody."""
        work = self._work
        if work is None:
            return HostingState(False, reason=Text(OFF), alarms=self._alarms.texts)
        return HostingState(
            self._is_on(),
            work.agent.reached and self._is_on(),
            work.agent.reason if self._is_on() else Text(OFF),
            work.agent.last_contact,
            work.plans(self._clock()),
            tuple(work.rounds_done),
            work.outbox.kept,
            self._alarms.texts,
        )

    def look(self) -> None:
        """A setting has changed, or whether anything may leave the master, or a network is there again."""
        self._look.set()
        if self._work is not None:
            self._work.outbox.most_bytes = self._settings().history_size << 20
            self._work.agent.call_now()
            self._work.rounds_look()

    async def note_users_reset(self) -> None:
        """All users were removed at the device: the head-end is told, later where it cannot be now.

        Raise `HostingFileError`.
        """
        self._users_reset = self._work is None
        if self._work is not None:
            await self._work.note_users_reset()

    async def run(self) -> None:
        """Work until cancelled."""
        database = await self._open()
        try:
            work = _Work(
                database,
                self._engines,
                self._head_end,
                self._sources,
                self._alarms,
                self._clock,
                self._ended_round,
                self._errands,
            )
            await work.open(self._settings().history_size << 20, self._chance, self._changed)
            self._work = work
            if self._users_reset:
                await self.note_users_reset()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_history(work))
                tasks.create_task(self._on_and_off(work))
        finally:
            self._work = None
            await database.close()

    async def _open(self) -> Database:
        while True:
            try:
                database = await Database.open(self._path, clock=self._clock, executor=self._executor)
            except HostingFileError as error:
                _log.error("hosted reading: %s", error)
                await asyncio.sleep(AGAIN)
                continue
            if database.problem:
                self._alarms.begin("file", database.problem)
            return database

    async def _on_and_off(self, work: "_Work") -> None:
        while True:
            self._look.clear()
            if self._is_on():
                await self._work_until_off(work)
            else:
                self._changed()
                await self._look.wait()

    async def _work_until_off(self, work: "_Work") -> None:
        _log.info("hosted reading begins")
        work.hosting = True
        talking = asyncio.create_task(_again_and_again(work.agent.run), name="talk with the head-end")
        reading = asyncio.create_task(_again_and_again(work.read), name="hosted reading")
        try:
            while self._is_on():
                self._changed()
                await self._look.wait()
                self._look.clear()
            if not work.end_reading():
                reading.cancel()
            await asyncio.wait((reading,))
        finally:
            for task in (talking, reading):
                task.cancel()
            await asyncio.wait((talking, reading))
        _log.info("hosted reading has ended")
        work.hosting = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await work.agent.say_once()

    async def _keep_history(self, work: "_Work") -> None:
        while True:
            if not self._sources.doubtful():
                try:
                    await work.outbox.purge(self._clock() - timedelta(days=self._settings().history_days))
                except HostingFileError as error:
                    _log.error("hosted reading: %s", error)
            await asyncio.sleep(PURGE_EVERY)

    def _ended_round(self, done: RoundDone) -> None:
        self._round_ended(done)
        self._changed()

    def _told_alarm(self) -> None:
        self._changed()
        if self._work is not None:
            self._work.agent.tell_soon()


class _Work:
    """The parts at work, and what they tell each other; the `mbusmaster.hosting.agent.Ear` of the agent."""

    agent: Agent

    def __init__(
        self,
        database: Database,
        engines: tuple[BusEngine, ...],
        head_end: HeadEnd,
        sources: Sources,
        alarms: Alarms,
        clock: Callable[[], datetime],
        round_ended: Callable[[RoundDone], None],
        errands: Errands,
    ) -> None:
        self._errands = errands
        self.hosting = False
        self.rounds_done: deque[RoundDone] = deque(maxlen=ROUNDS_SHOWN)
        self._round_ended = round_ended
        self.orders = Orders(database, alarms)
        self._commands = Commands(database)
        self._memory = Memory(database)
        self._database = database
        self._engines = engines
        self._head_end = head_end
        self._sources = sources
        self._alarms = alarms
        self._clock = clock
        self._list = MeterReports(sources)
        self._list_wanted = False
        self._users_reset = False
        self._authority = ""
        self._rounds: Rounds | None = None

    async def open(self, most_bytes: int, chance: Callable[[], float], changed: Callable[[], None]) -> None:
        """Read what is there; wait where that cannot be."""
        self.outbox = Outbox(self._database, self._alarms, most_bytes=most_bytes)
        self.agent = Agent(
            self._head_end,
            self,
            self.outbox,
            self._sources.serial_number,
            clock=self._clock,
            chance=chance,
            changed=changed,
        )
        while True:
            try:
                for part in (self.orders, self._commands, self._memory, self.outbox):
                    await part.open()
                self._users_reset = await self._database.read(lambda file: get_fact(file, _RESET)) == "1"
                return
            except HostingFileError as error:
                _log.error("hosted reading: %s", error)
                await asyncio.sleep(FILE_AGAIN)

    async def read(self) -> None:
        """Follow the orders until `end_reading` or cancelled; raise `HostingFileError` where it cannot begin."""
        # Whoever was cancelled while storing has not counted.
        await self.outbox.open()
        rounds = self._rounds = Rounds(
            self._engines,
            self.orders,
            self._commands,
            self.outbox,
            self._memory,
            self._alarms,
            meters=lambda: [one.subject for one in self._sources.meters()],
            clock=self._clock,
            quality=self._sources.quality,
            list_wanted=self._want_list,
            commands_done=self._command_done,
            ended=self._note_round,
            errands=self._errands,
        )
        try:
            await rounds.run()
        finally:
            self._rounds = None

    def plans(self, now: datetime) -> tuple[Planned, ...]:
        """Give the schedules that are followed."""
        return tuple(Planned(plan.schedule, plan.next_at(now), plan.slot) for plan in self.orders.plans)

    def end_reading(self) -> bool:
        """Let `read` return after the meter that is being read; false where it is not at work."""
        if self._rounds is not None:
            self._rounds.end()
        return self._rounds is not None

    def rounds_look(self) -> None:
        """Orders, commands or the clock have changed."""
        if self._rounds is not None:
            self._rounds.look()

    async def tell(self) -> contact.Contact:
        """Say how the master is."""
        await self._forget_others()
        return contact_of(
            self._sources,
            self._engines,
            now=self._clock(),
            orders=self.orders.version,
            hosting=self.hosting,
            outbox=await self.outbox.report(),
            alarms=[str(text) for text in self._alarms.texts],
            meter_list=self._list.version,
            meters=self._list.reports if self._list_wanted else None,
            results=self._commands.results,
            users_reset=self._users_reset,
        )

    async def hear(self, said: contact.Contact, orders: contact.Orders) -> bool:
        """Take orders; tell whether they brought news."""
        now = self._clock()
        await self._commands.told(said.results)
        if said.users_reset:
            await self._database.change(lambda file: set_fact(file, _RESET, ""))
            self._users_reset = False
        brought = orders.schedules is not None
        if orders.schedules is not None:
            await self.orders.take(orders.version, orders.schedules, now)
            _log.info("hosted reading: orders %d with %d schedules", orders.version, len(orders.schedules))
        brought |= await self._commands.take(orders.commands, now)
        self._list_wanted = orders.meter_list != said.meter_list and said.meters is None
        if self._list_wanted or len(self._commands.results) > 0:
            self.agent.tell_soon()
        self._compare_clocks(orders.time, now)
        self.rounds_look()
        return brought

    async def note_users_reset(self) -> None:
        """All users were removed at the device."""
        await self._database.change(lambda file: set_fact(file, _RESET, "1"))
        self._users_reset = True
        self.agent.tell_soon()

    async def _forget_others(self) -> None:
        """Forget the orders of another head-end than the one that is called now."""
        authority = self._sources.authority()
        if not authority or authority == self._authority:
            return
        known = await self._database.read(lambda file: get_fact(file, _AUTHORITY))
        if known not in (None, authority):
            _log.info("hosted reading: another head-end; the orders of the last one are forgotten")
            await self.orders.take(0, (), self._clock())
        await self._database.change(lambda file: set_fact(file, _AUTHORITY, authority))
        self._authority = authority

    def _note_round(self, done: RoundDone) -> None:
        self.rounds_done.appendleft(done)
        self._round_ended(done)

    def _want_list(self) -> None:
        self._list_wanted = True
        self.agent.tell_soon()

    def _command_done(self) -> None:
        self.agent.deliver_soon()
        self.agent.tell_soon()

    def _compare_clocks(self, theirs: datetime | None, ours: datetime) -> None:
        if theirs is not None and abs(theirs - ours) > TOLERANCE:
            minutes = round(abs(theirs - ours) / timedelta(minutes=1))
            self._alarms.begin("clock", Text(CLOCK_OFF, {"minutes": minutes}))
        else:
            self._alarms.end("clock")


async def keep_users_reset(folder: Path, clock: Callable[[], datetime]) -> None:
    """Keep for the next contact that all users were removed, while hosted reading is not at work; raise `HostingFileError`."""
    database = await Database.open(folder / FILE_NAME, clock=clock)
    try:
        await database.change(lambda file: set_fact(file, _RESET, "1"))
    finally:
        await database.close()


async def _again_and_again(work: Callable[[], Awaitable[None]]) -> None:
    """Do work until it is done; what it stumbles over by an error of ours is logged, and it begins anew."""
    while True:
        try:
            await work()
        except Exception:
            _log.exception("hosted reading stumbled; it begins anew")
            await asyncio.sleep(AGAIN)
        else:
            return
