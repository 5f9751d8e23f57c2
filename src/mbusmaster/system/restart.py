"""Restart of the gateway: ends it cleanly and has it started again, by the service manager or by itself."""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import Final, NoReturn

from mbusmaster.system.erase import Eraser

RESTART_STATUS: Final = 75
"""Exit status that asks the service manager for a new start (EX_TEMPFAIL; RestartForceExitStatus= of the unit)."""
END_SECONDS: Final = 5.0
"""For all who are connected to get what they are waiting for."""
ANSWER_SECONDS: Final = 3.5
"""Of that, for answers of the bus: a slow meter takes some seconds; the rest is for goodbyes."""
_EXECUTED: Final = "SYSTEMD_EXEC_PID"

_log = logging.getLogger(__name__)


class ExitReason(Enum):
    """Why the master ended."""

    STOPPED = "stopped"
    RESTART = "restart"


class Restart:
    """Takes the wish for a restart.

    :param stop: begins a clean end of the master; called once.
    :ivar eraser: has all data erased with the next start; None where that cannot be.
    """

    def __init__(self, stop: Callable[[], object], eraser: Eraser | None = None) -> None:
        self.eraser = eraser
        self._stop = stop
        self._why = ""

    @property
    def reason(self) -> ExitReason:
        """Why the master ends, once it does."""
        return ExitReason.RESTART if self._why else ExitReason.STOPPED

    def request(self, why: str) -> None:
        """End the master and start it again; a second wish changes nothing.

        :param why: for the log: who wants it, and for what.
        """
        if self._why:
            return
        self._why = why or "no reason given"
        _log.info("restart: %s", self._why)
        self._stop()


async def wind_down(*steps: Callable[[], Awaitable[object]], seconds: float = END_SECONDS) -> None:
    """Let go of all who are connected, by all steps at once; what takes longer is cut off, what fails keeps no other up."""
    tasks = [asyncio.create_task(_step(step)) for step in steps]
    try:
        _done, late = await asyncio.wait(tasks, timeout=seconds)
        if late:
            _log.warning("not everybody could be let go within %.0f s: cut off", seconds)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _step(step: Callable[[], Awaitable[object]]) -> None:
    try:
        await step()
    except Exception:
        _log.exception("a part of the master did not end as it should")


def is_supervised(environment: Mapping[str, str] = os.environ, pid: int | None = None) -> bool:
    """Tell whether systemd started this very process as a service, and so starts it again (systemd.exec(5))."""
    return environment.get(_EXECUTED) == str(os.getpid() if pid is None else pid)


def start_again(
    *,
    supervised: bool | None = None,
    command: Sequence[str] | None = None,
    execute: Callable[[str, list[str]], object] = os.execv,
) -> NoReturn:
    """End this process so that the gateway starts anew: same arguments, environment, folder and, unsupervised, process id.

    Call it last, when everything is closed; what is not closed and not inherited on purpose goes with it (PEP 446).

    :param supervised: a service manager will start it; otherwise the process becomes its own successor.
    :param command: with which this process was started.
    """
    if is_supervised() if supervised is None else supervised:
        raise SystemExit(RESTART_STATUS)
    arguments = [sys.executable, *(sys.orig_argv if command is None else command)[1:]]
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    execute(sys.executable, arguments)
    raise SystemExit(RESTART_STATUS)
