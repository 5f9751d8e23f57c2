"""Dates, times and numbers as the browser's preferences want them. Times are shown in UTC, as everywhere on the master."""

from contextvars import ContextVar
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from babel import dates, numbers

from mbusmaster.web.locale.preferences import AUTO, Preferences

formats_in_use: ContextVar[Preferences | None] = ContextVar("formats", default=None)
Number = int | float | Decimal
_NUMBER_LOCALES: Final = {"1,234.5": "en", "1.234,5": "de", "1 234,5": "cs"}
"""A language that writes numbers so."""
_REGIONS: Final = {"en": "en_GB"}
"""Day before month, and hours to 24, where the language alone would say otherwise."""
_STEPS: Final = ("B", "kB", "MB", "GB", "TB")


def _wanted() -> Preferences:
    return formats_in_use.get() or Preferences()


def _locale(wanted: Preferences) -> str:
    return _REGIONS.get(wanted.language, wanted.language)


def format_date(day: date) -> str:
    """Give a day; of a moment, its day in UTC."""
    wanted = _wanted()
    shown = day.astimezone(UTC).date() if isinstance(day, datetime) else day
    pattern = "short" if wanted.date == AUTO else wanted.date
    if wanted.date == AUTO:
        # The short form of some languages has two digits for the year.
        pattern = dates.get_date_format("short", locale=_locale(wanted)).pattern.replace("yyyy", "y")
        pattern = pattern.replace("yy", "y").replace("y", "yyyy")
    return dates.format_date(shown, pattern, locale=_locale(wanted))


def format_time(moment: datetime) -> str:
    """Give the time of day in UTC, with seconds."""
    wanted = _wanted()
    pattern = "medium" if wanted.time == AUTO else wanted.time
    return dates.format_time(moment.astimezone(UTC), pattern, tzinfo=UTC, locale=_locale(wanted))


def format_datetime(moment: datetime) -> str:
    """Give a moment in UTC."""
    return f"{format_date(moment)} {format_time(moment)}"


def format_number(number: Number) -> str:
    """Give a number exactly, with the separators that are wanted."""
    wanted = _wanted()
    locale = _NUMBER_LOCALES.get(wanted.number, _locale(wanted))
    return numbers.format_decimal(number, locale=locale, decimal_quantization=False)


def format_bytes(count: int) -> str:
    """Give a size in the largest unit that leaves at least one."""
    size, step = float(count), 0
    while size >= 1000 and step < len(_STEPS) - 1:
        size, step = size / 1000, step + 1
    shown = round(size, 1) if step and size < 100 else round(size)
    return f"{format_number(int(shown) if shown == int(shown) else shown)} {_STEPS[step]}"
