"""Setting a meter's clock (MBUS.md 7.1).

Meters disagree about the century bits of type F: most take 0 and the two-digit rule, some only 1. So 0 is tried first, and 1 when
the meter's time has not changed; a meter that itself sends seconds (type I) is first told the time with seconds. An
acknowledgement proves nothing, only the time in a fresh reading does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from mbus.application.commands import set_clock as set_clock_command
from mbus.application.records import Record
from mbus.errors import VerificationError
from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.station import Stations
from mbus.procedures.exchange import TRIES
from mbus.procedures.read import Target, read
from mbus.procedures.reading import Reading, whole
from mbus.procedures.steps import Procedure
from mbus.procedures.write import Command, narrowed, write, write_frames

TOLERANCE: Final = timedelta(minutes=2)
"""The field has minutes only, and the conversation takes its time."""
_HALF_A_MINUTE = timedelta(seconds=30)
_TYPE_I_SIZE = 6


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One way to say a time: type I with seconds, or type F with these century bits."""

    century: int = 0
    seconds: bool = False


_SECONDS: Final = _Attempt(seconds=True)
_MINUTES: Final = (_Attempt(0), _Attempt(1))


@dataclass(frozen=True, slots=True)
class ClockSet:
    """How a clock was set.

    :ivar before: the meter's time in the reading before; None when it sends none.
    :ivar after: its time in the reading that proves the change; None when it sends none, and nothing is proven then.
    """

    before: datetime | None
    after: datetime | None
    reading: Reading


def set_clock_frames(target: Target, when: datetime) -> tuple[ShortFrame | LongFrame, ...]:
    """Give the frames of the usual first attempt, without sending them; which it is depends on what the meter sends."""
    return write_frames(target, _command(when, _MINUTES[0]))


def set_clock(
    target: Target,
    when: datetime,
    stations: Stations,
    *,
    tries: int = TRIES,
    tolerance: timedelta = TOLERANCE,
    key: bytes | None = None,
) -> Procedure[ClockSet]:
    """Set a meter's clock to `when`, in its local time, to the nearest minute for most, and prove it by a reading.

    :param key: opens the readings of a meter that encrypts.

    Raise `VerificationError` when the meter's time stays away from `when` by more than `tolerance` or another meter answers
    afterwards, other `ProcedureError` when it does not acknowledge or cannot be read.
    """
    # A time that does not fit is refused before anything is sent.
    for attempt in (*_MINUTES, _SECONDS):
        _command(when, attempt)(0)
    first = yield from read(target, stations, tries=tries)
    target = narrowed(target, first)
    before = clock_of(first, key=key)
    after: datetime | None = None
    for attempt in _attempts(first, key):
        yield from write(target, _command(when, attempt), stations, tries=tries)
        reading = yield from read(target, stations, tries=tries)
        if reading.secondary != first.secondary:
            raise VerificationError(f"{reading.secondary} answers after the change, not {first.secondary}")
        after = clock_of(reading, key=key)
        if after is None or abs(after - when.replace(tzinfo=None)) <= tolerance:
            return ClockSet(before, after, reading)
    raise VerificationError(f"the clock was acknowledged, yet the meter says {after}")


def clock_of(reading: Reading, *, key: bytes | None = None) -> datetime | None:
    """Give the meter's present time in a reading: date and time of storage 0, instantaneous; None when there is none."""
    return next(_parsed(record.value for record in _clock_records(reading, key)), None)


def _clock_records(reading: Reading, key: bytes | None) -> Iterator[Record]:
    for telegram in whole(reading, key=key):
        for record in telegram.records:
            register = (record.storage, record.tariff, record.subunit, record.function)
            if record.quantity == "date_time" and register == (0, 0, 0, "instantaneous"):
                yield record


def _attempts(reading: Reading, key: bytes | None) -> tuple[_Attempt, ...]:
    sends_seconds = any(len(record.raw) == _TYPE_I_SIZE for record in _clock_records(reading, key))
    return (_SECONDS, *_MINUTES) if sends_seconds else _MINUTES


def _parsed(values: Iterable[object]) -> Iterator[datetime]:
    for value in values:
        if isinstance(value, str):
            try:
                yield datetime.fromisoformat(value)
            except ValueError:
                continue


def _command(when: datetime, attempt: _Attempt) -> Command:
    if attempt.seconds:
        return partial(set_clock_command, when=when, seconds=True, fcb=True)
    minute = (when + _HALF_A_MINUTE).replace(second=0, microsecond=0)
    return partial(set_clock_command, when=minute, hundred_years=attempt.century, fcb=True)
