from datetime import UTC, datetime
from decimal import Decimal

import pytest

from mbusweb.locale import (
    Preferences,
    format_bytes,
    format_date,
    format_number,
    format_time,
    speaking,
)
from mbusweb.locale import gettext as _
from mbusweb.locale.preferences import CHOICES, best_language

MOMENT = datetime(2026, 3, 5, 16, 7, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("da-DK,da;q=0.9,en;q=0.8", "da"),
        ("fr,de;q=0.3,es;q=0.7", "es"),
        ("fr", "en"),
        ("", "en"),
        ("de;q=0, cs;q=0.1", "cs"),
        ("de;q=x, cs;q=nan, es;q=2", "en"),
        ("*" * 5000, "en"),
    ],
)
def test_the_first_guess_is_the_language_the_browser_likes_best(header: str, language: str) -> None:
    assert best_language(header) == language


def test_preferences_survive_the_cookie_and_unknown_ones_do_not() -> None:
    chosen = Preferences("cs", "dd.MM.yyyy", "h:mm:ss a", "1 234,5", "dark")
    assert Preferences.from_cookie(chosen.to_cookie()) == chosen
    assert Preferences.from_cookie("language=xx&date=%x&theme&&=") == Preferences()


@pytest.mark.parametrize(
    ("preferences", "date", "time", "number"),
    [
        (Preferences("en"), "05/03/2026", "16:07:09", "1,234,567.1234567"),
        (Preferences("da"), "05.03.2026", "16.07.09", "1.234.567,1234567"),
        (Preferences("de"), "05.03.2026", "16:07:09", "1.234.567,1234567"),
        (Preferences("es"), "5/3/2026", "16:07:09", "1.234.567,1234567"),
        (Preferences("cs"), "05.03.2026", "16:07:09", "1\xa0234\xa0567,1234567"),
        (
            Preferences("cs", "yyyy-MM-dd", "HH.mm.ss", "1,234.5"),
            "2026-03-05",
            "16.07.09",
            "1,234,567.1234567",
        ),
    ],
)
def test_dates_times_and_numbers_are_written_as_wanted(
    preferences: Preferences, date: str, time: str, number: str
) -> None:
    with speaking(preferences):
        assert (format_date(MOMENT), format_time(MOMENT)) == (date, time)
        assert format_number(Decimal("1234567.1234567")) == number


def test_every_choice_of_format_can_be_shown() -> None:
    for name, values in CHOICES.items():
        for value in values:
            with speaking(Preferences().with_choices({name: value})):
                assert format_date(MOMENT)
                assert format_time(MOMENT)
                assert format_number(1.5)


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (10**8, "100 MB")])
def test_sizes_are_short(count: int, text: str) -> None:
    assert format_bytes(count) == text


def test_outside_of_a_request_texts_are_english() -> None:
    assert _("Status") == "Status"
