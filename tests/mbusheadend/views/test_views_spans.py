"""Times that an address asks for."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusheadend.views.spans import span_of, usual_name

NOW = datetime(2026, 11, 23, 4, 5, tzinfo=UTC)


def test_a_named_time_ends_now_and_goes_on() -> None:
    span = span_of("day", "", "", NOW)
    assert (span.since, span.until, span.is_open) == (NOW - timedelta(days=1), NOW, True)


def test_nothing_at_all_is_a_week() -> None:
    assert span_of("", "", "", NOW).since == NOW - timedelta(days=7)


def test_of_a_new_meter_there_is_shown_what_there_is() -> None:
    ago = {"hour": timedelta(minutes=20), "day": timedelta(hours=3), "week": timedelta(days=300)}
    assert {name: usual_name(NOW - age, NOW) for name, age in ago.items()} == {name: name for name in ago}
    assert usual_name(None, NOW) == "week"


def test_days_are_those_of_the_zone_and_the_last_one_counts() -> None:
    span = span_of("", "2026-03-28", "2026-03-29", NOW, "Europe/Copenhagen")
    assert span.since == datetime(2026, 3, 27, 23, tzinfo=UTC)
    # The clocks went forward on that day.
    assert span.until == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert not span.is_open


def test_moments_may_have_a_zone_of_their_own() -> None:
    span = span_of("", "2026-11-22T00:00+01:00", "2026-11-22T10:00", NOW, "UTC")
    assert (span.since.hour, span.until.hour) == (23, 10)


@pytest.mark.parametrize(
    ("name", "since", "until"),
    [
        ("nix", "", ""),
        ("", "2026-11-23", "2026-11-22"),
        ("", "yesterday", ""),
        ("", "0001-01-01", ""),
        ("", "2026-13-01", ""),
    ],
)
def test_what_is_no_time_is_refused(name: str, since: str, until: str) -> None:
    with pytest.raises(ValueError, match=r"no time|ends before|no day|too far"):
        span_of(name, since, until, NOW)


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_whatever_an_address_says_gives_a_time_or_a_value_error(name: str, since: str, until: str) -> None:
    try:
        span = span_of(name, since, until, NOW, "Europe/Prague")
    except ValueError:
        return
    assert span.since < span.until
