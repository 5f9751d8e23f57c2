"""The log: one line for each event, on standard error, where the service manager picks it up, and in files for the Log page.

Under systemd lines carry the weight as the prefix that journald reads, and no time of their own. No secrets are logged: frames of
clients appear only at level debug.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from mbusmaster.bus.traffic import Traffic
from mbusmaster.settings import LogSettings
from mbusmaster.system.bustrace import BusTrace
from mbusmaster.system.logfiles import FOLDER_MODE, FileSeries, LogWriter
from mbusmaster.system.logring import DEBUG_BYTES, SYSTEM_BYTES, KeptLog, LogLine, one_line

LONGEST_CAPTURE: Final = 3600.0
"""Seconds for which the debug log can be switched on at a time."""

FOLDER: Final = "log"
"""Name of the folder of the files, in the state folder."""

_MIB: Final = 1 << 20
_OURS: Final = ("mbus", "mbusio", "mbusmaster")
_SYSLOG_WEIGHT: Final = {
    logging.CRITICAL: 2,
    logging.ERROR: 3,
    logging.WARNING: 4,
    logging.INFO: 6,
    logging.DEBUG: 7,
}

_log = logging.getLogger(__name__)


class _Formatter(logging.Formatter):
    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"

    def __init__(self, *, journal: bool) -> None:
        super().__init__(
            "%(name)s: %(message)s" if journal else "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
        )
        self._journal = journal
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        text = one_line(super().format(record))
        return f"<{_SYSLOG_WEIGHT.get(record.levelno, 6)}>{text}" if self._journal else text


class Logs(logging.Handler):
    """Keeps the log, of bounded size: the last lines in memory and, once `open` was called, in files.

    Debug messages are not even made while nobody wants them: `capture_debug` switches them on for a time.

    :param monotonic: seconds of a clock that only rises.
    :ivar system: information and above.
    :ivar debug: everything of our own, while that is switched on.
    :ivar folder: of the files; None where there are none.
    :ivar trace: records what is on the buses; None where there is no disk for it, or no bus yet.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.system = KeptLog(SYSTEM_BYTES)
        self.debug = KeptLog(DEBUG_BYTES)
        self.trace: BusTrace | None = None
        self.folder: Path | None = None
        self._writer: LogWriter | None = None
        self._traces: FileSeries | None = None
        self._monotonic = monotonic
        self._capture_until: float | None = None
        self._plain_level = logging.INFO
        self._text = logging.Formatter("%(message)s")

    def start(self, level: str) -> None:
        """Take part in all logging from now on.

        :param level: least weight that goes to standard error.
        """
        weight = logging.getLevelNamesMapping()[level.upper()]
        self._plain_level = min(weight, logging.INFO)
        stderr = logging.StreamHandler(sys.stderr)
        stderr.setFormatter(_Formatter(journal="JOURNAL_STREAM" in os.environ))
        stderr.setLevel(weight)
        # What others write at level debug is noise, and may hold what we would never log.
        logging.basicConfig(level=logging.INFO, handlers=[stderr, self], force=True)
        logging.getLogger("asyncio").setLevel(logging.WARNING)
        self._set_level(self._plain_level)

    def open(self, state: Path, settings: LogSettings) -> None:
        """Keep the log in files from now on; where that cannot be, say so, and go on in memory.

        :param state: folder, which must exist.
        """
        folder = state / FOLDER
        try:
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        except OSError as error:
            _log.error("the log is kept in memory only: cannot use %s: %s", folder, error.strerror or error)
            return
        self.folder = folder
        writer = self._writer = LogWriter(self._disk_says, monotonic=self._monotonic)
        for log, stem, size in (
            (self.system, "system", settings.system_size),
            (self.debug, "debug", settings.debug_size),
        ):
            if size:
                log.keep_in(FileSeries(folder, stem, ".log", size * _MIB), writer)
        if settings.trace_size:
            self._traces = FileSeries(folder, "bus", ".trace", settings.trace_size * _MIB)

    def trace_buses(self, buses: Mapping[str, Traffic]) -> None:
        """Offer to record what is on these buses, by their names; call it after `open`."""
        if self._writer is not None and self._traces is not None:
            self.trace = BusTrace(buses, self._traces, self._writer)

    @property
    def problem(self) -> str:
        """Why lines of the log do not reach the disk now; empty where they do, or are not meant to."""
        return self._writer.problem if self._writer else ""

    def close(self) -> None:
        """Write what waits, for a bounded time; what is logged later stays in memory."""
        if self._writer is not None:
            self._writer.close()
        super().close()

    def _disk_says(self, problem: str, lost: int) -> None:
        if problem:
            _log.error("lines of the log are lost: %s", problem)
        else:
            _log.warning("the log reaches the disk again; %d lines were lost", lost)

    def capture_debug(self, seconds: float) -> None:
        """Keep debug messages for a time that ends by itself; 0 ends it now."""
        self._capture_until = self._monotonic() + min(seconds, LONGEST_CAPTURE)
        self._set_level(logging.DEBUG if self.capture_left else self._plain_level)

    @property
    def capture_left(self) -> float:
        """For how many more seconds debug messages are kept; 0 when they are not."""
        return 0.0 if self._capture_until is None else max(0.0, self._capture_until - self._monotonic())

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        try:
            line = (record.created, record.levelno, record.name, one_line(self._text.format(record)))
        except Exception:
            self.handleError(record)
            return
        if record.levelno >= logging.INFO:
            self.system.add(*line)
        if self.capture_left:
            self.debug.add(*line)
        elif self._capture_until is not None:
            self._capture_until = None
            self._set_level(self._plain_level)

    def _set_level(self, level: int) -> None:
        for name in _OURS:
            logging.getLogger(name).setLevel(level)


def start_logging(level: str) -> Logs:
    """Send everything of at least this level to standard error, and keep the last lines."""
    logs = Logs()
    logs.start(level)
    return logs


__all__ = ["LONGEST_CAPTURE", "LogLine", "Logs", "start_logging"]
