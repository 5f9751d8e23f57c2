"""When the update server is asked: once a day, each master at a time of its own: a server never meets all at once."""

import hashlib
from datetime import UTC, datetime
from typing import Final

DAY: Final = 86_400.0
FIRST_WAIT: Final = 120.0
"""Seconds after the start; and up to ten minutes more, so that a power cut of a whole town does not bring all masters at once."""
_FIRST_SPREAD: Final = 600.0
_DAILY_JITTER: Final = 1800.0
_NEAREST: Final = 3600.0
_FIRST_RETRY: Final = 600.0
_LONGEST_RETRY: Final = 6 * 3600.0


def share(serial_number: str) -> float:
    """Give a number from 0 to below 1 that is always the same for a master, and spread evenly over many."""
    return int.from_bytes(hashlib.sha256(serial_number.encode()).digest()[:8], "big") / (1 << 64)


def first_wait(serial_number: str, chance: float) -> float:
    """Give the seconds from the start to the first question.

    :param chance: from 0 to below 1, anew each time.
    """
    return FIRST_WAIT + _FIRST_SPREAD * (share(serial_number) + chance) / 2


def daily_wait(now: datetime, serial_number: str, chance: float) -> float:
    """Give the seconds to the next daily question, at least an hour.

    :param now: aware.
    """
    here = now.astimezone(UTC)
    second = here.hour * 3600 + here.minute * 60 + here.second
    wait = (share(serial_number) * DAY - second) % DAY
    return (wait if wait >= _NEAREST else wait + DAY) + _DAILY_JITTER * chance


def retry_wait(failures: int, chance: float) -> float:
    """Give the seconds to the next question after so many that failed: longer and longer, up to hours."""
    doubled: float = _FIRST_RETRY * 2 ** min(failures - 1, 10)
    return min(doubled, _LONGEST_RETRY) * (0.5 + chance)
