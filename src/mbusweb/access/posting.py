"""Changes that nobody waits for: many of them in one transaction, bounded, and what is lost is said."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

from mbusweb.access.connection import Connection
from mbusweb.access.errors import AccessError

MOST_PENDING: Final = 1000
"""Changes that are not kept yet; more are dropped and counted."""
_log = logging.getLogger(__name__)


class Posting:
    """Hands changes to the thread that writes.

    :param write: does a job in one transaction; raises `AccessError`.
    """

    def __init__(self, thread: Executor, write: Callable[[Callable[[Connection], object]], object]) -> None:
        self._thread = thread
        self._write = write
        self._posted: deque[tuple[Callable[[Connection], object], str]] = deque()
        self._losses = _Losses()

    def post(self, job: Callable[[Connection], object], lost: str) -> None:
        """See `mbusweb.access.connection.Keeper.post`."""
        if len(self._posted) >= MOST_PENDING:
            self._losses.lost(1, lost, "there is too much to write at once")
            return
        self._posted.append((job, lost))
        self._thread.submit(self._write_posted)

    def _write_posted(self) -> None:
        """Do all that was posted until now in one transaction: many entries at once cost one flush of the disk."""
        jobs = [self._posted.popleft() for _ in range(len(self._posted))]

        def do_all(connection: Connection) -> None:
            for job, _ in jobs:
                job(connection)

        if not jobs:
            return
        try:
            self._write(do_all)
            self._losses.ended()
        except AccessError as error:
            self._losses.lost(len(jobs), jobs[0][1], str(error))


class _Losses:
    """Says in the log what was lost: the first thing, and when it is over, how many; not a line for each."""

    def __init__(self) -> None:
        self._count = 0
        self._counting = threading.Lock()

    def lost(self, count: int, first: str, why: str) -> None:
        with self._counting:
            if self._count == 0:
                _log.error("lost: %s: %s", first, why)
            self._count += count

    def ended(self) -> None:
        if self._count:
            with self._counting:
                _log.error("%d things were lost; from now on they are written again", self._count)
                self._count = 0
