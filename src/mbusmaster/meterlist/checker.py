"""Asks the meters that are known or expected and were not found, and enters what is the matter with each.

At the rate at which a meter was looked for it is asked as often as the bus's setting of retries says, for that is what the
setting is about; then once at each other rate that the bus may use. What the first question shows is in the list at once, so that
a check that is cancelled has said what it knew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from mbus.addressing import SecondaryAddress
from mbusmaster.meterlist.conversation import Conversation
from mbusmaster.meterlist.diagnosis import Evidence, Manner, Verdict, Wanted, conclude, examine
from mbusmaster.meterlist.errors import ListFullError
from mbusmaster.meterlist.expected import ExpectedMeter
from mbusmaster.meterlist.job import Phase, ScanJob
from mbusmaster.meterlist.meter import Meter, Status
from mbusmaster.meterlist.meters import MeterList

ONCE = Manner(1)
FINAL = frozenset((Status.ANSWERS, Status.COLLISION, Status.WRONG_ADDRESS))
"""Verdicts that another rate cannot change."""


@dataclass(slots=True)
class Subject:
    """One meter that is asked.

    :ivar row: its number in the list; None for one that is only expected.
    :ivar expected: its number among the expected; None for a row.
    :ivar asked: the rate at which it was looked for.
    """

    wanted: Wanted
    asked: int
    row: int | None = None
    expected: int | None = None
    evidence: list[tuple[int, Evidence]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether another rate may tell more."""
        return not any(seen.status in FINAL for _, seen in self.evidence)


def subject_of(meter: Meter | ExpectedMeter, asked: int, *, by_primary: bool) -> Subject | None:
    """Make a question of a row or an expected meter; None where there is no address to ask."""
    if meter.secondary is None and meter.primary is None:
        return None
    wanted = Wanted(meter.secondary, meter.primary, by_primary)
    if isinstance(meter, Meter):
        return Subject(wanted, asked, row=meter.id)
    return Subject(wanted, asked, expected=meter.id)


class Checker:
    """Carries out the questions of one job.

    :param manner: how patiently a meter is asked at the rate at which it was looked for.
    :param rates: all that may be tried.
    """

    def __init__(
        self, job: ScanJob, bus: Conversation, meters: MeterList, manner: Manner, rates: Sequence[int]
    ) -> None:
        self._job = job
        self._bus = bus
        self._meters = meters
        self._manner = manner
        self._rates = rates

    async def check(self, subjects: Iterable[Subject]) -> None:
        """Ask them all, those of one rate together."""
        subjects = sorted(subjects, key=lambda subject: subject.asked)
        self._bus.begin_lap()
        others = len(self._rates) - 1
        for index, subject in enumerate(subjects):
            waiting = len(subjects) - index
            await self._ask(subject, subject.asked, self._manner, waiting * (self._manner.tries + others))
        for number, rate in enumerate(self._rates):
            still = [subject for subject in subjects if subject.is_open and subject.asked != rate]
            for index, subject in enumerate(still):
                left = len(still) - index + len(still) * (len(self._rates) - number - 1)
                await self._ask(subject, rate, ONCE, left)
        unanswered = sum(self._is_unanswered(subject) for subject in subjects)
        self._job.change(unanswered=unanswered)

    async def _ask(self, subject: Subject, rate: int, manner: Manner, left: int) -> None:
        who = subject.wanted.secondary or f"address {subject.wanted.primary}"
        self._job.change(
            phase=Phase.CHECKING,
            done=self._bus.transactions,
            left=left,
            seconds_left=self._bus.seconds_for(left),
            at=f"{who} at {rate} baud",
        )
        if self._bus.baud != rate:
            await self._bus.set_baud(rate)
        subject.evidence.append((rate, await self._bus.run(examine(subject.wanted, manner))))
        self._enter(subject, conclude(subject.asked, subject.evidence))

    def _enter(self, subject: Subject, verdict: Verdict) -> None:
        try:
            if subject.row is not None:
                self._enter_row(subject.row, verdict, subject.asked)
            elif verdict.sighting is not None:
                self._record(verdict)
            elif subject.expected is not None:
                self._meters.expected.conclude(subject.expected, verdict)
        except ListFullError as error:
            self._job.warn(str(error))

    def _enter_row(self, number: int, verdict: Verdict, asked: int) -> None:
        row = self._meters.get(number)
        if row is None:
            return
        seen = verdict.sighting
        if row.secondary is None and seen is not None and seen.secondary is not None:
            # The address has found its meter, which may be a row of its own.
            self._record(verdict)
            if self._meters.get(number) == row:
                other = f"meter {seen.secondary} answers at its address"
                self._meters.conclude(number, Verdict(Status.WRONG_ADDRESS, other), asked=asked)
            return
        if seen is not None and verdict.status is Status.GARBLED and self._shares_address(row):
            # It can be read alone, so nothing is damaged.
            verdict = replace(verdict, status=Status.COLLISION)
        self._meters.conclude(number, verdict, asked=asked)
        if seen is not None:
            self._job.heard(number, is_new=False)

    def _shares_address(self, row: Meter) -> bool:
        others = self._meters.meters(row.bus)
        return any(
            other.primary == row.primary and other.secondary and other.id != row.id for other in others
        )

    def _record(self, verdict: Verdict) -> None:
        assert verdict.sighting is not None, "only what was seen is recorded"
        assert verdict.answered_at is not None, "what was seen was seen at a rate"
        seen = replace(verdict.sighting, status=verdict.status, remark=verdict.remark)
        recorded = self._meters.record(seen, bus=self._job.task.bus, baud=verdict.answered_at)
        self._job.heard(recorded.meter.id, is_new=recorded.is_new)

    def _is_unanswered(self, subject: Subject) -> bool:
        # Something unreadable at an address that nobody is known at is no meter that fails to answer.
        is_known = subject.wanted.secondary is not None or subject.expected is not None
        return is_known and not any(seen.status is Status.ANSWERS for _, seen in subject.evidence)


def wants(mask: SecondaryAddress, meter: Meter | ExpectedMeter) -> bool:
    """Tell whether a search for a mask would have found this meter."""
    return meter.secondary is not None and mask.matches(meter.secondary)
