"""Starts scans and checks, at most one per bus, and enters what they find into the meter list at once.

A scan is one client of the bus among others, of the lowest priority and at a rate of its own: transparent clients go on. When the
search is done, the meters of the list and the expected ones that it should have found and has not are asked one by one
(`checker`). They are not asked for in front: that costs two requests for each and saves the search none, so a whole scan would
take twice as long. A scan by secondary address that was cancelled, or whose converter vanished, goes on with what it had learned
when the same is asked for again soon.

Of the bus's settings, `min_baud` and `max_baud` bound the rates of scans, `retries` says how often a meter that is known is asked
again before other rates are tried, and `timeout` for how long a check waits for it at the last. Searches themselves keep to the
standard's answer window: with seconds for each empty address none would ever end.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from mbus.addressing import LAST_PRIMARY, SecondaryAddress, is_primary
from mbus.errors import MBusError
from mbus.procedures.found import Found, Unclear
from mbus.procedures.found import Progress as SearchProgress
from mbus.procedures.search_primary import search_primary
from mbus.procedures.search_secondary import SearchState, search_secondary
from mbus.procedures.steps import Note
from mbusio.errors import BusIOError
from mbusio.transport import parse_url
from mbusmaster.bus.engine import BusEngine
from mbusmaster.bus.turns import Priority
from mbusmaster.errors import BusDownError, MasterError
from mbusmaster.meterlist.checker import Checker, Subject, subject_of, wants
from mbusmaster.meterlist.commissioning import match
from mbusmaster.meterlist.conversation import Conversation
from mbusmaster.meterlist.diagnosis import Manner, Verdict
from mbusmaster.meterlist.errors import ListFullError, MeterListError, MeterRefusedError
from mbusmaster.meterlist.expected import ExpectedMeter
from mbusmaster.meterlist.job import ANY_METER, JobState, Mode, Phase, ScanJob, Task
from mbusmaster.meterlist.meter import MAX_METERS, Meter, Status
from mbusmaster.meterlist.meters import MeterList
from mbusmaster.meterlist.sighting import sighting_of, sighting_of_unclear

RATES: Final = (2400, 300, 9600, 19200)
"""What may be offered, the rate for a first scan in front (guide 3.1)."""
THOROUGH_TRIES: Final = 3
"""Requests to each primary address of a thorough scan."""

RESUME_SECONDS: Final = 1800.0
"""For so long a scan that was stopped can go on: later the bus may have changed too much."""

_log = logging.getLogger(__name__)


class ScanRefusedError(MeterRefusedError):
    """A scan that cannot be; `field` says what is wrong with it."""


class ScanBusyError(MeterListError):
    """A scan of this bus is running.

    :ivar job: the one that runs.
    """

    def __init__(self, message: str, job: ScanJob) -> None:
        super().__init__(message)
        self.job = job


@dataclass(slots=True)
class _Search:
    """What a scan by secondary address has learned.

    :ivar found: rows that it heard.
    :ivar stopped_at: seconds of the loop's clock; None while it is at work.
    """

    task: Task
    state: SearchState = field(default_factory=SearchState)
    found: tuple[int, ...] = ()
    stopped_at: float | None = None

    def can_go_on_as(self, task: Task, now: float) -> bool:
        """Tell whether the same is asked for again, soon enough."""
        same = replace(task, who=self.task.who) == self.task
        return same and self.stopped_at is not None and now - self.stopped_at < RESUME_SECONDS


class Scanner:
    """Starts jobs; remembers the last one of each bus.

    :param clock: the time now, with a zone.
    """

    def __init__(
        self, engines: Iterable[BusEngine], meters: MeterList, *, clock: Callable[[], datetime]
    ) -> None:
        self._engines = {engine.name: engine for engine in engines}
        self._meters = meters
        self._clock = clock
        self._jobs: dict[str, ScanJob] = {}
        self._stopped: dict[str, _Search] = {}
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def buses(self) -> tuple[str, ...]:
        """Names of the buses."""
        return tuple(self._engines)

    def rates(self, bus: str) -> tuple[int, ...]:
        """Give the rates at which a bus may be scanned, the one to begin with in front; raise `ScanRefusedError`."""
        settings = self._engine(bus).settings
        return tuple(rate for rate in RATES if settings.min_baud <= rate <= settings.max_baud)

    def job(self, bus: str) -> ScanJob | None:
        """Give the job that runs on a bus, else the last one."""
        return self._jobs.get(bus)

    def start(
        self,
        bus: str,
        *,
        baud: int,
        mode: Mode,
        first: int = 0,
        last: int = LAST_PRIMARY,
        mask: SecondaryAddress | None = None,
        thorough: bool = False,
        who: str = "",
    ) -> ScanJob:
        """Look for meters; raise `ScanRefusedError` or `ScanBusyError`.

        :param first, last: primary addresses, of a scan by them.
        :param mask: what to look for, of a scan by secondary address; None is every meter.
        :param who: for the log.
        """
        self._expect_rate(bus, baud)
        if mode is Mode.CHECK:
            raise ScanRefusedError("mode", "a scan is by primary or by secondary address")
        if not (is_primary(first) and is_primary(last) and first <= last):
            raise ScanRefusedError("first", f"a scan goes from and to a primary address, 0 to {LAST_PRIMARY}")
        mask = ANY_METER if mask is None else mask
        return self._begin(Task(bus, mode, baud, first, last, mask, thorough, who=who))

    def check(self, bus: str, meters: Iterable[int], *, who: str = "") -> ScanJob:
        """Ask rows of the list, by their numbers, why they do not answer; raise `ScanRefusedError` or `ScanBusyError`."""
        numbers = tuple(dict.fromkeys(meters))[:MAX_METERS]
        rows = [row for number in numbers if (row := self._meters.get(number)) is not None]
        if not rows or any(row.bus != bus for row in rows):
            raise ScanRefusedError("meters", f"choose meters of bus {bus} that are in the list")
        default = self._engine(bus).settings.default_baud
        return self._begin(Task(bus, Mode.CHECK, default, meters=numbers, who=who))

    async def close(self) -> None:
        """Cancel what runs, and wait for it."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _engine(self, bus: str) -> BusEngine:
        if bus not in self._engines:
            raise ScanRefusedError("bus", f"there is no bus {bus[:40]}; there are {', '.join(self._engines)}")
        return self._engines[bus]

    def _expect_rate(self, bus: str, baud: int) -> None:
        rates = self.rates(bus)
        if baud not in rates:
            settings = self._engine(bus).settings
            raise ScanRefusedError(
                "baud",
                f"bus {bus} may be scanned at {', '.join(map(str, sorted(rates)))} baud, not at {baud}: its settings allow "
                f"{settings.min_baud} to {settings.max_baud}",
            )

    def _begin(self, task: Task) -> ScanJob:
        running = self._jobs.get(task.bus)
        if running is not None and running.is_running:
            raise ScanBusyError(f"bus {task.bus} is being scanned; wait, or cancel that first", running)
        job = ScanJob(next(self._numbers), task, self._clock)
        engine = self._engine(task.bus)
        work = asyncio.create_task(self._work(job, engine), name=f"scan of bus {task.bus}")
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)
        job.began(work)
        self._jobs[task.bus] = job
        _log.info(
            "bus %s: %s at %d baud begins, asked for by %s",
            task.bus,
            task.mode,
            task.baud,
            task.who or "nobody",
        )
        return job

    async def _work(self, job: ScanJob, engine: BusEngine) -> None:
        search = self._search(job)
        try:
            with engine.client(
                f"{job.task.mode} scan {job.number}", Priority.BACKGROUND, kind="scan", source=job.task.who
            ) as client:
                await client.set_baud(job.task.baud)
                conversation = Conversation(client, job.task.baud)
                await _Work(job, engine, self._meters, conversation, self.rates(engine.name), search).run()
            job.end(JobState.FINISHED)
        except asyncio.CancelledError:
            self._keep(search, job)
            job.end(JobState.CANCELLED)
            raise
        except BusDownError as error:
            self._keep(search, job)
            reason = engine.health.reason
            job.end(
                JobState.FAILED, f"{error}: {reason}" if reason and reason not in str(error) else str(error)
            )
        except (MasterError, MBusError, BusIOError) as error:
            job.end(JobState.FAILED, str(error))
        except Exception:
            _log.exception("bus %s: the scan failed", engine.name)
            job.end(JobState.FAILED, "an error in the program; the log says more")
        finally:
            progress = job.progress
            _log.info(
                "bus %s: %s %s with %d meters after %d transactions %s",
                engine.name,
                job.task.mode,
                progress.state,
                progress.found,
                progress.done,
                progress.why,
            )

    def _search(self, job: ScanJob) -> _Search:
        """Give what a scan begins with: what one like it has learned and left, or nothing."""
        before = self._stopped.pop(job.task.bus, None)
        if before is None or not before.can_go_on_as(job.task, asyncio.get_running_loop().time()):
            return _Search(job.task)
        for number in before.found:
            if self._meters.get(number) is not None:
                job.heard(number, is_new=False)
        return _Search(job.task, before.state)

    def _keep(self, search: _Search, job: ScanJob) -> None:
        if job.task.mode is Mode.SECONDARY and job.progress.phase is Phase.SEARCHING:
            search.found, search.stopped_at = tuple(job.found), asyncio.get_running_loop().time()
            self._stopped[job.task.bus] = search


class _Work:
    """One job at work."""

    def __init__(
        self,
        job: ScanJob,
        engine: BusEngine,
        meters: MeterList,
        bus: Conversation,
        rates: Sequence[int],
        search: _Search,
    ) -> None:
        self._search = search
        self._job = job
        self._task = job.task
        self._settings = engine.settings
        self._meters = meters
        self._bus = bus
        self._rates = rates
        self._unclear: set[int] = set()
        self._nameless: set[int] = set()
        self._places: dict[int, list[int]] = {}

    async def run(self) -> None:
        """Do all of it."""
        match self._task.mode:
            case Mode.PRIMARY:
                await self._search_primary()
            case Mode.SECONDARY:
                await self._search_secondary()
        manner = Manner(1 + self._settings.retries)
        if self._task.mode is Mode.CHECK:
            manner = Manner(manner.tries, float(self._settings.timeout))
        checker = Checker(self._job, self._bus, self._meters, manner, self._rates)
        await checker.check(self._subjects())
        self._job.change(done=self._bus.transactions)

    async def _search_primary(self) -> None:
        task = self._task
        tries = THOROUGH_TRIES if task.thorough else 1
        await self._bus.run(search_primary(task.first, task.last, tries=tries), watch=self._noted)

    async def _search_secondary(self) -> None:
        task = self._task
        search = search_secondary(task.mask, thorough=task.thorough, state=self._search.state)
        await self._bus.run(search, watch=self._noted)
        if not (self._bus.doubts and _is_far(self._settings.url)):
            return
        # Some of the silences were answers that came too late: ask again, and wait for them.
        self._job.warn("answers came late: the bus was searched again, and waited for longer")
        self._job.change(phase=Phase.SEARCHING_AGAIN)
        self._nameless.clear()
        self._bus.begin_lap()
        self._bus.waits_longer = True
        await self._bus.run(search_secondary(task.mask, thorough=task.thorough), watch=self._noted)
        self._bus.waits_longer = False

    def _noted(self, note: Note) -> None:
        try:
            match note:
                case Found():
                    self._enter_found(note)
                case Unclear():
                    self._enter_unclear(note)
                case SearchProgress(left=left, at=at):
                    seconds = self._bus.seconds_for(left)
                    self._job.change(done=self._bus.transactions, left=left, seconds_left=seconds, at=at)
        except ListFullError as error:
            self._job.warn(str(error))

    def _enter_found(self, note: Found) -> None:
        seen = sighting_of(note.meter)
        recorded = self._meters.record(
            seen, bus=self._task.bus, baud=self._bus.baud, apart_from=self._nameless
        )
        if recorded.meter.secondary is None:
            self._nameless.add(recorded.meter.id)
        self._job.heard(recorded.meter.id, is_new=recorded.is_new)
        self._watch_for_twins(recorded.meter)

    def _watch_for_twins(self, meter: Meter) -> None:
        """Notice meters with one secondary address that a search by primary address finds one after the other."""
        places = self._places.setdefault(meter.id, [])
        if meter.primary is not None and meter.primary not in places:
            places.append(meter.primary)
        if self._task.mode is Mode.PRIMARY and len(places) > 1:
            addresses = ", ".join(map(str, places))
            remark = f"several meters have this secondary address, at the primary addresses {addresses}"
            self._meters.conclude(meter.id, Verdict(Status.COLLISION, remark), asked=self._bus.baud)

    def _enter_unclear(self, note: Unclear) -> None:
        self._unclear.add(note.primary)
        self._job.change(unclear=len(self._unclear))
        self._meters.record_unclear(sighting_of_unclear(note), bus=self._task.bus, baud=self._bus.baud)

    def _subjects(self) -> list[Subject]:
        """Give those that should have been heard and were not."""
        task = self._task
        rows = self._meters.meters(task.bus)
        if task.mode is Mode.CHECK:
            wanted = set(task.meters)
            asked = [(row, row.baud or task.baud) for row in rows if row.id in wanted]
            # A rate that the settings forbid now is not used, wherever the meter was once seen.
            subjects = [
                subject_of(row, rate if rate in self._rates else task.baud, by_primary=False)
                for row, rate in asked
            ]
            return [subject for subject in subjects if subject is not None]
        expected = self._meters.expected.meters(task.bus)
        listed = match(expected, rows)
        missing: list[Meter | ExpectedMeter] = [
            row for row in rows if row.id not in self._job.found and self._is_covered(row)
        ]
        missing += [one for one in expected if one.id not in listed and self._is_covered(one)]
        by_primary = task.mode is Mode.PRIMARY
        questions = [subject_of(one, task.baud, by_primary=by_primary) for one in missing]
        return [question for question in questions if question is not None]

    def _is_covered(self, meter: Meter | ExpectedMeter) -> bool:
        if self._task.mode is Mode.SECONDARY:
            return wants(self._task.mask, meter)
        return meter.primary is not None and self._task.first <= meter.primary <= self._task.last


def _is_far(url: str) -> bool:
    """Tell whether a bus is behind a network whose delay is only learned, so that silence may have been impatience."""
    endpoint = parse_url(url)
    return endpoint.kind != "serial" and endpoint.allowance is None
