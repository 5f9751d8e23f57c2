"""The log: one line for each event, on standard error, where the service manager picks it up.

Under systemd lines carry the weight as the prefix that journald reads, and no time of their own. No secrets are logged: frames of
clients appear only at level debug.
"""

import logging
import os
import sys
import time
from typing import Final

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
        # One event is one line whatever a client put into it.
        text = super().format(record).replace("\n", " | ").replace("\r", " ")
        return f"<{_SYSLOG_WEIGHT.get(record.levelno, 6)}>{text}" if self._journal else text


def start_logging(level: str) -> None:
    """Send everything of at least this level to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(journal="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
