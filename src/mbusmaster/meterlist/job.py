"""One scan or check: what was asked for, how far it is, and how it ended. It stays readable after its end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from mbus.addressing import LAST_PRIMARY, SecondaryAddress
from mbusmaster.meterlist.ticker import Ticker

ANY_METER: Final = SecondaryAddress()
MAX_WARNINGS: Final = 10
SHOWN_EVERY: Final = 0.5
"""Seconds between two states that a watcher is given; what lies between them is not shown."""


class Mode(StrEnum):
    """How meters are looked for."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    CHECK = "check"
    """Rows of the list are asked by their addresses; nobody else is."""


class JobState(StrEnum):
    """How a job is."""

    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Phase(StrEnum):
    """What a running job does."""

    SEARCHING = "searching"
    SEARCHING_AGAIN = "searching_again"
    """Answers came late: it asks once more, and waits for longer."""
    CHECKING = "checking"
    """It asks those that are known or expected and were not found."""


@dataclass(frozen=True, slots=True)
class Task:
    """What was asked for.

    :ivar baud: rate of the search; of a check the rate for meters of which none is known.
    :ivar first, last: primary addresses of a primary scan.
    :ivar mask: what a secondary scan looks for.
    :ivar thorough: whether silence is believed only after it was heard again.
    :ivar meters: numbers of the rows that a check asks.
    :ivar who: who asked for it, for the log.
    """

    bus: str
    mode: Mode
    baud: int
    first: int = 0
    last: int = LAST_PRIMARY
    mask: SecondaryAddress = ANY_METER
    thorough: bool = False
    meters: tuple[int, ...] = ()
    who: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    :ivar revision: rises with every change of it.
    :ivar why: why it failed, for a person.
    :ivar found: meters that were heard in this job, `new` of them not in the list before.
    :ivar unclear: primary addresses at which something cannot be read.
    :ivar unanswered: meters that are known or expected, were looked for, and do not answer.
    :ivar done: transactions so far.
    :ivar left: transactions that this phase probably still needs.
    :ivar seconds_left: the same as time, at the pace so far; None while that is not known.
    :ivar at: what is being asked now, for a person.
    :ivar warnings: what a person should know about the result.
    """

    revision: int
    state: JobState
    phase: Phase
    started: datetime
    ended: datetime | None = None
    why: str = ""
    found: int = 0
    new: int = 0
    unclear: int = 0
    unanswered: int = 0
    done: int = 0
    left: int = 0
    seconds_left: float | None = None
    at: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def updated(self) -> int:
        """Meters found that the list had."""
        return self.found - self.new

    @property
    def is_over(self) -> bool:
        """Whether nothing changes any more."""
        return self.state is not JobState.RUNNING


class ScanJob:
    """A scan or check as others see it. Made by `mbusmaster.meterlist.scanner.Scanner`.

    :ivar number: rises from job to job.
    :ivar found: numbers of the rows that were heard.
    """

    def __init__(self, number: int, task: Task, clock: Callable[[], datetime]) -> None:
        self.number = number
        self.task = task
        self.found: dict[int, bool] = {}
        self._clock = clock
        self._ticker = Ticker()
        phase = Phase.CHECKING if task.mode is Mode.CHECK else Phase.SEARCHING
        self._progress = Progress(0, JobState.RUNNING, phase, clock())
        self._running: asyncio.Task[None] | None = None

    @property
    def progress(self) -> Progress:
        """How far it is now."""
        return self._progress

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return not self._progress.is_over

    def cancel(self) -> None:
        """End it; what was found stays in the list. The state changes as soon as the bus is let go."""
        if self._running is not None:
            self._running.cancel()

    async def wait(self) -> Progress:
        """Wait for its end; give the last state."""
        if self._running is not None:
            await asyncio.wait({self._running})
        return self._progress

    async def watch(self, every: float = SHOWN_EVERY) -> AsyncIterator[Progress]:
        """Give its state now, then whenever it has changed, the newest each time, until the last one.

        :param every: seconds between two states at least; the last one comes at once.
        """
        shown = self._progress
        yield shown
        while not shown.is_over:
            await self._ticker.later_than(shown.revision)
            await self._wait_for_end(every)
            shown = self._progress
            yield shown

    def began(self, running: asyncio.Task[None]) -> None:
        """It is at work in this task."""
        self._running = running
        running.add_done_callback(self._left_open)

    def change(self, **changes: object) -> None:
        """Enter what has changed."""
        revision = self._progress.revision + 1
        self._progress = replace(self._progress, revision=revision, **changes)  # type: ignore[arg-type]
        self._ticker.tick()

    def heard(self, row: int, *, is_new: bool) -> None:
        """Enter a row that was heard."""
        self.found.setdefault(row, is_new)
        self.change(found=len(self.found), new=sum(self.found.values()))

    def warn(self, text: str) -> None:
        """Enter something that a person should know, once."""
        warnings = self._progress.warnings
        if text not in warnings and len(warnings) < MAX_WARNINGS:
            self.change(warnings=(*warnings, text))

    def end(self, state: JobState, why: str = "") -> None:
        """Enter how it ended."""
        self.change(state=state, why=why, ended=self._clock(), left=0, seconds_left=None, at="")

    def _left_open(self, running: asyncio.Task[None]) -> None:
        # Cancelled before its first step, a task runs none of its own clean-up.
        if self.is_running:
            self.end(JobState.CANCELLED if running.cancelled() else JobState.FAILED)

    async def _wait_for_end(self, seconds: float) -> None:
        if self._running is not None and self.is_running:
            await asyncio.wait({self._running}, timeout=seconds)
