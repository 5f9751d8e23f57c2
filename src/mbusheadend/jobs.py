"""Work that takes longer than a moment: started by a person, seen by everybody who may, in memory.

Where a head-end has several processes, each does the jobs that were started at it and tells the others of them
(`mbusheadend.jobs_between`).

A job is a coroutine that is given its `Job`, tells it how far it is, and returns what came of it as a `Text`. What it
raises of `JobError`, `HeadEndError` and `StoreError` is its outcome, in their words; everything else is logged, and the outcome
says so. The newest jobs are kept when they have ended; a restart forgets them, so what must not be forgotten stands in the store.

Everything happens on one event loop; only `Job.progress` and `Job.is_wanted` may be used by threads of the work.
"""

import asyncio
import contextlib
import functools
import logging
import secrets
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from mbusheadend.errors import HeadEndError
from mbusheadend.store.errors import StoreError
from mbusweb.texts import NO_TEXT, Text, mark

MOST_AT_WORK: Final = 16
MOST_KEPT: Final = 100
"""Jobs that have ended."""
_BUSY: Final = mark(
    "%(count)d jobs are at work already; wait until one of them has ended, or cancel one that nobody needs"
)
_AT_WORK: Final = mark("This is being done already; see the list of jobs")
_CLOSED: Final = mark("The head-end is about to end; start it again, then this")
_PROCESS_ENDED: Final = mark("The process of the head-end that did it has ended")
_TROUBLE: Final = mark("It ended for a reason that nobody expected; the log of the head-end has it")
_CANCELLED: Final = mark("It was cancelled")

_log = logging.getLogger(__name__)


class JobError(Exception):
    """A job cannot begin, or cannot be done.

    :ivar text: says why, for people.
    """

    def __init__(self, text: Text) -> None:
        super().__init__(str(text))
        self.text = text


class JobState(StrEnum):
    """How far a job is."""

    AT_WORK = "at work"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job:
    """One job; only `Jobs` makes it, and everybody may look at it.

    :ivar id: 16 hex digits, that nobody guesses.
    :ivar kind: of work, a word for programs.
    :ivar subject: what it works on, for programs, such as a serial number; empty where it is nothing in particular.
    :ivar who: the user who started it, or a word in brackets for the head-end itself.
    :ivar done: of `of` pieces; `of` is 0 while nobody knows.
    :ivar text: what is going on, NO_TEXT where nothing was said.
    :ivar outcome: NO_TEXT while it is at work.
    :ivar pieces: what came of single pieces, as far as the work tells it: number and word, for programs.
    """

    def __init__(
        self,
        kind: str,
        subject: str,
        title: Text,
        who: str,
        started: datetime,
        tell: Callable[["Job"], None],
    ) -> None:
        self.id = secrets.token_hex(8)
        self.kind = kind
        self.subject = subject
        self.title = title
        self.who = who
        self.started = started
        self.ended: datetime | None = None
        self.state = JobState.AT_WORK
        self.done = 0
        self.of = 0
        self.text = NO_TEXT
        self.outcome = NO_TEXT
        self.pieces: dict[int, str] = {}
        self.is_wanted = True
        """False as soon as it was cancelled: a thread of the work, which nobody can stop from outside, returns then."""
        self._tell = tell
        self._loop = asyncio.get_running_loop()

    @property
    def is_at_work(self) -> bool:
        """Whether it has not ended."""
        return self.state is JobState.AT_WORK

    @property
    def percent(self) -> int | None:
        """How far it is, 0 to 100; None where nobody knows."""
        return min(100, 100 * self.done // self.of) if self.of > 0 else None

    def progress(self, done: int, of: int, text: Text = NO_TEXT) -> None:
        """Tell how far it is; a thread may do so too."""
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            self._note(done, of, text)
        else:
            # A loop that has closed has nobody left to tell.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._note, done, of, text)

    def _note(self, done: int, of: int, text: Text) -> None:
        if not self.is_at_work:
            return
        self.done, self.of, self.text = max(0, done), max(0, of), text
        self._tell(self)


Work = Callable[[Job], Coroutine[Any, Any, Text]]
"""What a job does; gives what came of it. One that is cancelled may catch that, and say what it has done nevertheless."""


class Neighbours(Protocol):
    """The other processes."""

    def changed(self, job: Job) -> None:
        """Tell them how a job of this process is."""

    def cancel(self, job: Job) -> None:
        """Ask whoever does a job to end it."""


class Jobs:
    """The jobs of a head-end.

    :param now: gives the time, UTC.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._jobs: dict[str, Job] = {}
        self._elsewhere: dict[str, Job] = {}
        self._neighbours: Neighbours | None = None
        self._tasks: dict[str, asyncio.Task[Text]] = {}
        self._watchers: set[asyncio.Event] = set()
        self._closed = False

    def start(self, kind: str, title: Text, work: Work, who: str, *, subject: str = "") -> Job:
        """Begin a job.

        Raise `JobError` where too many are at work, one of this kind works on this subject, or the head-end is about to end.
        """
        if self._closed:
            raise JobError(Text(_CLOSED))
        if len(self._tasks) >= MOST_AT_WORK:
            raise JobError(Text(_BUSY, {"count": len(self._tasks)}))
        at_work = (job for job in self.list(kind) if job.is_at_work)
        if subject and any(job.subject == subject for job in at_work):
            raise JobError(Text(_AT_WORK))
        job = Job(kind, subject, title, who, self._now(), self._tell)
        self._jobs[job.id] = job
        task = self._tasks[job.id] = asyncio.create_task(work(job))
        task.add_done_callback(functools.partial(self._end, job))
        self._drop_old()
        self._tell(job)
        return job

    def list(self, kind: str | None = None) -> tuple[Job, ...]:
        """Give all that are known, the newest first; with `kind` those of that kind."""
        jobs = [job for job in reversed(self._jobs.values()) if kind in (None, job.kind)]
        if self._elsewhere:
            jobs += [job for job in reversed(self._elsewhere.values()) if kind in (None, job.kind)]
            jobs.sort(key=lambda job: job.started, reverse=True)
        return tuple(jobs)

    @property
    def here(self) -> tuple[Job, ...]:
        """Those of this process, the newest first."""
        return tuple(reversed(self._jobs.values()))

    def get(self, id: str) -> Job | None:
        """Give one; None where it is not known, or no longer."""
        return self._jobs.get(id) or self._elsewhere.get(id)

    def cancel(self, id: str) -> bool:
        """End a job before it is done; what it has stored stays. False where it is not at work."""
        elsewhere = self._elsewhere.get(id)
        if elsewhere is not None and elsewhere.is_at_work and self._neighbours is not None:
            self._neighbours.cancel(elsewhere)
            return True
        job, task = self._jobs.get(id), self._tasks.get(id)
        if job is None or task is None:
            return False
        job.is_wanted = False
        task.cancel()
        return True

    @contextmanager
    def watch(self) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever a job begins, goes on or ends; clear it before you look.

        Begin to watch, then look: so no news is lost.
        """
        event = asyncio.Event()
        self._watchers.add(event)
        try:
            yield event
        finally:
            self._watchers.discard(event)

    async def wait(self, id: str) -> Job | None:
        """Wait until a job has ended; give it, None where it is not known."""
        task = self._tasks.get(id)
        if task is not None:
            await asyncio.wait({task})
        return self.get(id)

    def meet(self, neighbours: Neighbours) -> None:
        """Tell other processes of jobs from now on."""
        self._neighbours = neighbours

    def note_elsewhere(self, job: Job) -> None:
        """Take note of how a job of another process is."""
        self._elsewhere[job.id] = job
        ended = [id for id, one in self._elsewhere.items() if not one.is_at_work]
        for id in ended[: max(0, len(ended) - MOST_KEPT)]:
            del self._elsewhere[id]
        self._wake()

    def forget_elsewhere(self, ids: Iterable[str]) -> None:
        """The process that did these has ended; what was at work is not done."""
        for id in ids:
            job = self._elsewhere.get(id)
            if job is not None and job.is_at_work:
                job.state, job.outcome, job.ended = JobState.FAILED, Text(_PROCESS_ENDED), self._now()
        self._wake()

    async def close(self) -> None:
        """Begin none any more, cancel what is at work, and wait for it."""
        self._closed = True
        for id in tuple(self._tasks):
            self.cancel(id)
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    def _end(self, job: Job, task: asyncio.Task[Text]) -> None:
        try:
            job.outcome = task.result()
            job.state = JobState.DONE if job.is_wanted else JobState.CANCELLED
        except asyncio.CancelledError:
            job.state, job.outcome = JobState.CANCELLED, Text(_CANCELLED)
        except JobError as error:
            job.state, job.outcome = JobState.FAILED, error.text
        except (HeadEndError, StoreError) as error:
            job.state, job.outcome = JobState.FAILED, Text(str(error))
        except Exception as error:
            _log.error("job %s (%s) failed", job.kind, job.title, exc_info=error)
            job.state, job.outcome = JobState.FAILED, Text(_TROUBLE)
        job.is_wanted = False
        job.ended = self._now()
        del self._tasks[job.id]
        self._drop_old()
        self._tell(job)

    def _drop_old(self) -> None:
        ended = [id for id in self._jobs if id not in self._tasks]
        for id in ended[: max(0, len(ended) - MOST_KEPT)]:
            del self._jobs[id]

    def _tell(self, job: Job) -> None:
        if self._neighbours is not None:
            self._neighbours.changed(job)
        self._wake()

    def _wake(self) -> None:
        for event in self._watchers:
            event.set()
