"""The log: one line for each event, on standard error, where the service manager picks it up, and in memory for the Log page.

Under systemd lines carry the weight as the prefix that journald reads, and no time of their own. No secrets are logged: frames of
clients appear only at level debug.
"""

import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Final

from mbusmaster.system.logring import DEBUG_BYTES, SYSTEM_BYTES, LogLine, LogRing

LONGEST_CAPTURE: Final = 3600.0
"""Seconds for which the debug log can be switched on at a time."""

_OURS: Final = ("mbus", "mbusio", "mbusmaster")
_SYSLOG_WEIGHT: Final = {
    logging.CRITICAL: 2,
    logging.ERROR: 3,
    logging.WARNING: 4,
    logging.INFO: 6,
    logging.DEBUG: 7,
}


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
        text = _one_line(super().format(record))
        return f"<{_SYSLOG_WEIGHT.get(record.levelno, 6)}>{text}" if self._journal else text


class Logs(logging.Handler):
    """The last lines of the log in memory, of bounded size.

    Debug messages are not even made while nobody wants them: `capture_debug` switches them on for a time.

    :param monotonic: seconds of a clock that only rises.
    :ivar system: information and above.
    :ivar debug: everything of our own, while that is switched on.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.system = LogRing(SYSTEM_BYTES)
        self.debug = LogRing(DEBUG_BYTES)
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
            line = (record.created, record.levelno, record.name, _one_line(self._text.format(record)))
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


def _one_line(text: str) -> str:
    """One event is one line whatever a client put into it, and no line moves the cursor of a terminal."""
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\n", " | ")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


__all__ = ["LONGEST_CAPTURE", "LogLine", "Logs", "start_logging"]
