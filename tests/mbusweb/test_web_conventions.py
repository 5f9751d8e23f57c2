"""Our short table against Babel, which has all of CLDR."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from babel import dates, numbers

from mbusweb.locale import format_date, format_number, format_time, speaking
from mbusweb.locale.preferences import AUTO, CHOICES, LANGUAGES, Preferences

LOCALES = {**{language: language for language in LANGUAGES}, "en": "en_GB"}
MOMENTS = [datetime(2026, 3, 5, hour, 7, 9, tzinfo=UTC) for hour in (0, 1, 11, 12, 13, 23)]
NUMBERS = [
    0, 7, -7, 999, 1000, -1000, 1234567, 0.5, -0.25, 1234.5, 1e-7, 1e21, Decimal("1.50"), Decimal("1E+3"),
    Decimal("1234567.1234567"), Decimal("-1234.0001"),
]  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: f"{moment:%H}h")
def test_dates_and_times_are_as_babel_writes_them(language: str, moment: datetime) -> None:
    locale = LOCALES[language]
    short = dates.get_date_format("short", locale=locale).pattern.replace("yyyy", "y").replace("yy", "y")
    for choice in CHOICES["date"]:
        pattern = short.replace("y", "yyyy") if choice == AUTO else choice
        with speaking(Preferences(language, date=choice)):
            assert format_date(moment) == dates.format_date(moment, pattern, locale=locale)
    for choice in CHOICES["time"]:
        pattern = "medium" if choice == AUTO else choice
        with speaking(Preferences(language, time=choice)):
            assert format_time(moment) == dates.format_time(moment, pattern, tzinfo=UTC, locale=locale)


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_are_as_babel_writes_them(number: float | Decimal) -> None:
    for language, locale in LOCALES.items():
        with speaking(Preferences(language)):
            expected = numbers.format_decimal(number, locale=locale, decimal_quantization=False)
            assert format_number(number) == expected
