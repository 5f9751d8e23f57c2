"""A job at work on its bus: the search, what becomes of its findings, and who must be asked afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mbus.procedures.found import Found, Unclear
from mbus.procedures.found import Progress as SearchProgress
from mbus.procedures.search_primary import search_primary
from mbus.procedures.search_secondary import SearchState, search_secondary
from mbus.procedures.steps import Note
from mbusio.transport import parse_url
from mbusmaster.meterlist.checker import Checker, Subject, subject_of, wants
from mbusmaster.meterlist.commissioning import match
from mbusmaster.meterlist.conversation import Conversation
from mbusmaster.meterlist.diagnosis import Manner, Verdict
from mbusmaster.meterlist.errors import ListFullError
from mbusmaster.meterlist.expected import ExpectedMeter
from mbusmaster.meterlist.job import Mode, Phase, ScanJob, Task
from mbusmaster.meterlist.meter import Meter, Status
from mbusmaster.meterlist.meters import MeterList
from mbusmaster.meterlist.sighting import sighting_of, sighting_of_unclear
from mbusmaster.settings import BusSettings

THOROUGH_TRIES: Final = 3
"""Requests to each primary address of a thorough scan."""
RESUME_SECONDS: Final = 1800.0
"""For so long a scan that was stopped can go on: later the bus may have changed too much."""


@dataclass(slots=True)
class Search:
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


class Work:
    """One job at work.

    :param rates: at which meters may be asked.
    :param search: what a scan by secondary address has learned so far.
    """

    def __init__(
        self,
        job: ScanJob,
        settings: BusSettings,
        meters: MeterList,
        bus: Conversation,
        rates: Sequence[int],
        search: Search,
    ) -> None:
        self._search = search
        self._job = job
        self._task = job.task
        self._settings = settings
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
        if not (self._bus.doubts and is_behind_network(self._settings.url)):
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
        covered = [row for row in rows if self._is_covered(row)]
        missing: list[Meter | ExpectedMeter] = [row for row in covered if row.id not in self._job.found]
        spoken_for = {row.id for row in covered} | set(self._job.found)
        listed = match(expected, [row for row in rows if row.id in spoken_for])
        missing += [one for one in expected if one.id not in listed and self._is_covered(one)]
        by_primary = task.mode is Mode.PRIMARY
        questions = [subject_of(one, task.baud, by_primary=by_primary) for one in missing]
        return [question for question in questions if question is not None]

    def _is_covered(self, meter: Meter | ExpectedMeter) -> bool:
        if self._task.mode is Mode.SECONDARY:
            return wants(self._task.mask, meter)
        return meter.primary is not None and self._task.first <= meter.primary <= self._task.last


def is_behind_network(url: str) -> bool:
    """Tell whether a bus is behind a network whose delay is only learned, so that silence may have been impatience."""
    endpoint = parse_url(url)
    return endpoint.kind != "serial" and endpoint.allowance is None
