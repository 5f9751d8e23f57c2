"""The deed ``clock.set``: sets the clock of the system, and the one with the battery where there is one."""

import contextlib
import errno
import fcntl
import logging
import os
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.server import Deed, Tell
from mbusmaster.release_date import LATEST, release_date
from mbusweb.texts import mark

RTC: Final = Path("/dev/rtc0")
NO_MOMENT: Final = mark("That is no date and time with a time zone.")
TOO_EARLY: Final = mark("The clock cannot be put before %(floor)s (UTC), when this software was made.")
TOO_LATE: Final = mark("The clock cannot be put to the year %(year)s or later.")
NOT_SET: Final = mark("The system does not let its clock be set (%(reason)s).")
_LONGEST: Final = 40
_RTC_SET_TIME: Final = 0x4024700A
"""RTC_SET_TIME of <linux/rtc.h>: _IOW('p', 0x0a, struct rtc_time), nine ints."""

_log = logging.getLogger(__name__)


def _now() -> float:
    return time.clock_gettime(time.CLOCK_REALTIME)


def _set(moment: float) -> None:
    time.clock_settime(time.CLOCK_REALTIME, moment)


def write_rtc(moment: datetime, device: Path = RTC) -> bool:
    """Put the clock with the battery to a moment, in UTC (rtc(4)); False where there is none. Raise `OSError`."""
    utc = moment.astimezone(UTC)
    fields = (utc.second, utc.minute, utc.hour, utc.day, utc.month - 1, utc.year - 1900, 0, 0, 0)
    try:
        file = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
            return False
        raise
    try:
        fcntl.ioctl(file, _RTC_SET_TIME, struct.pack("9i", *fields))
    finally:
        os.close(file)
    return True


@dataclass(frozen=True, slots=True)
class SystemClock:
    """What is asked of the kernel; all of it can be put in the place of by a test.

    :ivar now, set: the clock of the system, in seconds since 1970.
    :ivar write_rtc: writes the clock with the battery.
    """

    now: Callable[[], float] = _now
    set: Callable[[float], None] = _set
    write_rtc: Callable[[datetime], bool] = write_rtc


@dataclass(frozen=True, slots=True)
class _Clock:
    clock: SystemClock
    floor: datetime = field(default_factory=release_date)

    async def set(self, arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        """Set it to ``moment``; give what it said and says."""
        moment = _moment(arguments.get("moment"))
        if moment < self.floor:
            raise RefusedError(TOO_EARLY, {"floor": f"{self.floor:%Y-%m-%d %H:%M}"})
        if moment >= LATEST:
            raise RefusedError(TOO_LATE, {"year": LATEST.year})
        was = datetime.fromtimestamp(self.clock.now(), UTC)
        try:
            self.clock.set(moment.timestamp())
        except OSError as error:
            raise RefusedError(NOT_SET, {"reason": error.strerror or str(error)}) from error
        try:
            self.clock.write_rtc(moment)
        except OSError as error:
            # The system's own clock is right now, and that is what was asked for.
            _log.warning("the clock with the battery could not be set: %s", error.strerror or error)
        _log.info("clock: %s -> %s", was.isoformat(timespec="seconds"), moment.isoformat(timespec="seconds"))
        return {"was": was.isoformat(), "becomes": moment.isoformat()}


def deeds(clock: SystemClock | None = None, floor: datetime | None = None) -> Mapping[str, Deed]:
    """Give the deeds.

    :param floor: the earliest moment; by default the release date of this package.
    """
    part = _Clock(clock or SystemClock(), *(() if floor is None else (floor,)))
    return {"clock.set": part.set}


def _moment(value: object) -> datetime:
    if isinstance(value, str) and len(value) <= _LONGEST:
        with contextlib.suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
    raise RefusedError(NO_MOMENT)
