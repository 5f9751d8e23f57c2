"""Dates, times and numbers as the browser's preferences want them. Times are shown in UTC, as everywhere on the master."""

import re
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from mbusweb.locale.conventions import CONVENTIONS, Conventions
from mbusweb.locale.preferences import AUTO, Preferences

formats_in_use: ContextVar[Preferences | None] = ContextVar("formats", default=None)
Number = int | float | Decimal
_NUMBER_LOCALES: Final = {"1,234.5": "en", "1.234,5": "de", "1 234,5": "cs"}
"""A language that writes numbers so."""
_STEPS: Final = ("B", "kB", "MB", "GB", "TB")
_FIELD: Final = re.compile("[a-zA-Z]+")


def _wanted() -> Preferences:
    return formats_in_use.get() or Preferences()


def _conventions(wanted: Preferences) -> Conventions:
    return CONVENTIONS[wanted.language]


def conventions_in_use() -> Conventions:
    """Give how dates, times and numbers are to be written, for what a script of the page writes."""
    wanted = _wanted()
    own = _conventions(wanted)
    numbers = _number_conventions(wanted)
    return replace(
        own,
        date=own.date if wanted.date == AUTO else wanted.date,
        time=own.time if wanted.time == AUTO else wanted.time,
        decimal=numbers.decimal,
        group=numbers.group,
    )


def _number_conventions(wanted: Preferences) -> Conventions:
    language = _NUMBER_LOCALES.get(wanted.number)
    return CONVENTIONS[language] if language else _conventions(wanted)


def _filled(pattern: str, fields: dict[str, str]) -> str:
    return _FIELD.sub(lambda found: fields[found[0]], pattern)


def format_date(day: date) -> str:
    """Give a day; of a moment, its day in UTC."""
    wanted = _wanted()
    shown = day.astimezone(UTC).date() if isinstance(day, datetime) else day
    pattern = _conventions(wanted).date if wanted.date == AUTO else wanted.date
    return _filled(
        pattern,
        {
            "yyyy": f"{shown.year:04}",
            "MM": f"{shown.month:02}",
            "M": str(shown.month),
            "dd": f"{shown.day:02}",
            "d": str(shown.day),
        },
    )


def format_time(moment: datetime) -> str:
    """Give the time of day in UTC, with seconds."""
    wanted = _wanted()
    own = _conventions(wanted)
    shown = moment.astimezone(UTC)
    return _filled(
        own.time if wanted.time == AUTO else wanted.time,
        {
            "HH": f"{shown.hour:02}",
            "H": str(shown.hour),
            "h": str(shown.hour % 12 or 12),
            "mm": f"{shown.minute:02}",
            "ss": f"{shown.second:02}",
            "a": own.morning if shown.hour < 12 else own.afternoon,
        },
    )


def format_datetime(moment: datetime) -> str:
    """Give a moment in UTC."""
    return f"{format_date(moment)} {format_time(moment)}"


def format_number(number: Number) -> str:
    """Give a number exactly, with the separators that are wanted."""
    own = _number_conventions(_wanted())
    whole, _, part = f"{Decimal(str(number)):,f}".partition(".")
    part = part.rstrip("0")
    return whole.replace(",", own.group) + (own.decimal + part if part else "")


def format_bytes(count: int) -> str:
    """Give a size in the largest unit that leaves at least one."""
    size, step = float(count), 0
    while size >= 1000 and step < len(_STEPS) - 1:
        size, step = size / 1000, step + 1
    shown = round(size, 1) if step and size < 100 else round(size)
    return f"{format_number(int(shown) if shown == int(shown) else shown)} {_STEPS[step]}"
