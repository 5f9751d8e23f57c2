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
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from mbus.addressing import LAST_PRIMARY, SecondaryAddress, is_primary
from mbus.errors import MBusError
from mbusio.errors import BusIOError
from mbusmaster.bus.engine import BusEngine
from mbusmaster.bus.turns import Priority
from mbusmaster.errors import BusDownError, MasterError
from mbusmaster.meterlist.conversation import Conversation
from mbusmaster.meterlist.errors import MeterListError, MeterRefusedError
from mbusmaster.meterlist.job import ANY_METER, JobState, Mode, Phase, ScanJob, Task
from mbusmaster.meterlist.meter import MAX_METERS
from mbusmaster.meterlist.meters import MeterList
from mbusmaster.meterlist.work import Search, Work

RATES: Final = (2400, 300, 9600, 19200)
"""What may be offered, the rate for a first scan in front (guide 3.1)."""

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
        self._stopped: dict[str, Search] = {}
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
                await Work(
                    job, engine.settings, self._meters, conversation, self.rates(engine.name), search
                ).run()
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

    def _search(self, job: ScanJob) -> Search:
        """Give what a scan begins with: what one like it has learned and left, or nothing."""
        before = self._stopped.get(job.task.bus)
        if before is None or not before.can_go_on_as(job.task, asyncio.get_running_loop().time()):
            return Search(job.task)
        del self._stopped[job.task.bus]
        if any(self._meters.get(number) is None for number in before.found):
            # Who was taken out of the list since must be found anew.
            return Search(job.task)
        for number in before.found:
            job.heard(number, is_new=False)
        return Search(job.task, before.state)

    def _keep(self, search: Search, job: ScanJob) -> None:
        if job.task.mode is Mode.SECONDARY and job.progress.phase is Phase.SEARCHING:
            search.found, search.stopped_at = tuple(job.found), asyncio.get_running_loop().time()
            self._stopped[job.task.bus] = search
