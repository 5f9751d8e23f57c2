"""Dates and times: types F, G, I, J and K as ISO 8601 text (MBUS.md 5.6).

All are the meter's local time without a zone; seconds are written as 00 where a type has none, as many readers demand them.
A field that says "every" is left out the way ISO 8601:2000 and XML Schema do: ``--12-31`` is each 31 December, ``2024-05`` each
day of that month, ``---01`` the first of each month. Where the fields name no date at all, there is no value and the status
says so.
"""

from calendar import monthrange
from functools import lru_cache
from typing import Final

from mbus.application.datatypes import INVALID, Reading

NO_DATE: Final[Reading] = (None, "no date", ())
_SUMMER: Final = ("summer_time",)
_EVERY_YEAR: Final = 127
_EVERY_MONTH: Final = 15
_EVERY_HOUR: Final = 31
_EVERY_MINUTE: Final = 63
_LEAP_YEAR: Final = 2000
"""Stands for "every year", so that 29 February passes."""
_KEPT_TIMES: Final = 2048
_KEPT_DAYS: Final = 1024
"""Telegrams name the same days again and again."""


def date(raw: bytes) -> Reading:
    """Read type G, two bytes."""
    if raw in (b"\xff\xff", b"\x00\x00"):
        return NO_DATE
    found = day_text(raw[0], raw[1], 0)
    return (None, "not a date of the calendar", ()) if found is None else (found or None, _why(found), ())


def date_time(raw: bytes) -> Reading:
    """Read type F, four bytes."""
    if raw in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00"):
        return NO_DATE
    day = day_text(raw[2], raw[3], raw[1] >> 5 & 3)
    time = _clock(raw[1] & 0x1F, raw[0] & 0x3F)
    return _moment(day, time, raw[0] & 0x80, raw[1] & 0x80)


def date_time_seconds(raw: bytes) -> Reading:
    """Read type I, six bytes; weekday, week and the size of the summer time shift are redundant and left out."""
    if raw in (b"\xff" * 6, bytes(6)):
        return NO_DATE
    day = day_text(raw[3], raw[4], 0)
    time = _clock(raw[2] & 0x1F, raw[1] & 0x3F, raw[0] & 0x3F)
    return _moment(day, time, raw[1] & 0x80, raw[0] & 0x40)


def time_of_day(raw: bytes) -> Reading:
    """Read type J, three bytes: seconds, minutes, hours."""
    if raw == b"\xff\xff\xff":
        return INVALID
    time = _clock(raw[2] & 0x1F, raw[1] & 0x3F, raw[0] & 0x3F)
    if time is None:
        return None, "not a time of day", ()
    return (time, None, ()) if time else (None, "every time", ())


def daylight_saving(raw: bytes) -> Reading:
    """Read type K, four bytes: begin and end of summer time in each year, as an ISO 8601 interval.

    Labels say whether it is switched on and by how many hours the clock changes.
    """
    hour = raw[0] & 0x1F
    begin, end = _day_of_year(raw[3] & 0x0F, raw[1] & 0x1F), _day_of_year(raw[3] >> 4, raw[2] & 0x1F)
    if begin is None or end is None or hour > 23:
        return None, "not a date of the calendar", ()
    shift = (raw[2] >> 5 & 3) * (-1 if raw[2] & 0x80 else 1)
    enabled = "enabled" if raw[1] & 0x80 else "disabled"
    return f"{begin}T{hour:02}/{end}", None, (enabled, f"shift_hours:{shift:+}")


def _day_of_year(month: int, day: int) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= monthrange(_LEAP_YEAR, month)[1]):
        return None
    return f"--{month:02}-{day:02}"


@lru_cache(_KEPT_DAYS)
def day_text(low: int, high: int, hundreds: int) -> str | None:
    """Put the two bytes that F, G and I share into text; empty when every part is "every", None when there is no such day."""
    day, month, short_year = low & 0x1F, high & 0x0F, low >> 5 | high >> 1 & 0x78
    if not (1 <= month <= 12 or month == _EVERY_MONTH) or 99 < short_year != _EVERY_YEAR:
        return None
    year = _LEAP_YEAR if short_year == _EVERY_YEAR else _full_year(short_year, hundreds)
    if day > (31 if month == _EVERY_MONTH else monthrange(year, month)[1]):
        return None
    year_text = "-" if short_year == _EVERY_YEAR else f"{year}"
    if month != _EVERY_MONTH:
        return f"{year_text}-{month:02}" + (f"-{day:02}" if day else "")
    if day:
        # ISO 8601 has no text for one day of every month of one given year, so the year is left out too.
        return f"---{day:02}"
    return "" if year_text == "-" else year_text


def _full_year(year: int, hundreds: int) -> int:
    if hundreds == 0 and year <= 80:
        return 2000 + year
    return 1900 + 100 * hundreds + year


@lru_cache(_KEPT_TIMES)
def _clock(hour: int, minute: int, second: int = 0) -> str | None:
    """Put a time into text; empty when the hour is "every", None when there is no such time."""
    if hour == _EVERY_HOUR:
        return ""
    if minute == _EVERY_MINUTE:
        return f"{hour:02}" if hour < 24 else None
    if hour > 23 or minute > 59:
        return None
    if second == _EVERY_MINUTE:
        second = 0
    return f"{hour:02}:{minute:02}:{second:02}" if second < 60 else None


def _why(day: str) -> str | None:
    return None if day else "every day"


def _moment(day: str | None, time: str | None, marked_invalid: int, summer: int) -> Reading:
    if day is None or time is None:
        return None, "not a date of the calendar", ()
    found = f"{day}T{time}" if time else day
    if marked_invalid:
        return None, f"the meter marks its time as invalid: {found}", ()
    return (found or None, _why(found), _SUMMER if summer else ())
