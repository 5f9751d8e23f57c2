"""What meters say of themselves, in words: status byte and error flags."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from mbus.application.header import is_fixed_structure
from mbus.application.status import status_words
from mbus.errors import MBusError
from mbus.link.frames import LongFrame, parse_frame
from mbusheadend.alarms.kinds import Severity
from mbusheadend.store.readings import StoredReading
from mbusweb.texts import mark


class StatusWord(NamedTuple):
    """What a bit of the status means to people.

    :ivar readings: in a row that must say it before it counts: some come and go by themselves.
    """

    text: str
    severity: Severity
    readings: int = 1


STATUS: Final[Mapping[str, StatusWord]] = MappingProxyType(
    {
        "application_busy": StatusWord(
            mark("The meter says that its application is busy."), Severity.NOTICE, 3
        ),
        "application_error": StatusWord(
            mark("The meter says that its application has an error."), Severity.WARNING
        ),
        "abnormal_condition": StatusWord(
            mark("The meter says that something is abnormal, or that it raises an alarm."), Severity.WARNING
        ),
        "power_low": StatusWord(
            mark("The meter says that its power is low: the battery is nearly empty, or its supply failed."),
            Severity.WARNING,
        ),
        "permanent_error": StatusWord(
            mark("The meter says that it has a permanent error: it needs service."), Severity.ERROR
        ),
        "temporary_error": StatusWord(
            mark("The meter says again and again that it has a temporary error."), Severity.NOTICE, 3
        ),
        "manufacturer_bit_5": StatusWord(
            mark("The meter sets bit 5 of its status, which its manufacturer has defined."), Severity.NOTICE
        ),
        "manufacturer_bit_6": StatusWord(
            mark("The meter sets bit 6 of its status, which its manufacturer has defined."), Severity.NOTICE
        ),
        "manufacturer_bit_7": StatusWord(
            mark("The meter sets bit 7 of its status, which its manufacturer has defined."), Severity.NOTICE
        ),
    }
)
"""The words of `mbus.application.status` (EN 13757-3, status byte)."""


def status_of(reading: StoredReading) -> frozenset[str]:
    """Give the words of the status bytes of a reading; `reading.telegrams` tells the old fixed structure where it is there."""
    words: set[str] = set()
    for place, telegram in enumerate(reading.decoded):
        if telegram.status:
            frame = reading.telegrams[place] if reading.telegrams else b""
            words.update(status_words(telegram.status, fixed_structure=_is_fixed(frame)))
    return frozenset(words)


def _is_fixed(frame: bytes) -> bool:
    try:
        parsed = parse_frame(frame)
    except MBusError:
        return False
    return isinstance(parsed, LongFrame) and is_fixed_structure(parsed)


def bits_of(flags: int) -> str:
    """Say which bits are set, counted from 0: ``0, 4``."""
    return ", ".join(str(bit) for bit in range(flags.bit_length()) if flags >> bit & 1)
