from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbushosting.schedules import Calendar, Every
from mbushosting.slots import Rule, UnknownZoneError, newest_slot, next_slot

ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Tehran", "Pacific/Apia")
"""With changes of an hour and of half an hour, on both halves of the earth, and one that left out a day."""
YEARS = st.datetimes(datetime(2010, 1, 1), datetime(2031, 1, 1)).map(lambda when: when.replace(tzinfo=UTC))


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def daily(*times: str, zone: str = "Europe/Berlin", **more: Any) -> Calendar:
    minutes = tuple(int(one[:2]) * 60 + int(one[3:]) for one in times)
    return Calendar(zone=zone, times=minutes, **more)


def slots(rule: Rule, after: datetime, until: datetime) -> Iterator[datetime]:
    slot = next_slot(rule, after)
    while slot is not None and slot <= until:
        yield slot
        slot = next_slot(rule, slot)


def calendars() -> st.SearchStrategy[Calendar]:
    return st.builds(
        Calendar,
        zone=st.sampled_from(ZONES),
        times=st.lists(st.integers(0, 1439), min_size=1, max_size=5).map(tuple),
        weekdays=st.lists(st.integers(1, 7), max_size=3).map(tuple),
        days=st.sampled_from(((), (1,), (-1,), (15, 31))),
    )


def rules() -> st.SearchStrategy[Rule]:
    return calendars() | st.builds(Every, minutes=st.integers(1, 44640))


def test_every_counts_from_midnight_of_1970() -> None:
    assert next_slot(Every(minutes=60), at("2026-11-23T10:59:59")) == at("2026-11-23T11:00")
    assert next_slot(Every(minutes=60), at("2026-11-23T11:00")) == at("2026-11-23T12:00")
    assert newest_slot(Every(minutes=60), at("2026-11-23T10:30"), at("2026-11-23T13:10")) == at(
        "2026-11-23T13:00"
    )
    assert newest_slot(Every(minutes=60), at("2026-11-23T13:00"), at("2026-11-23T13:10")) is None


def test_a_time_that_summer_leaves_out_is_read_at_the_first_instant_after_the_gap() -> None:
    rule = daily("02:00", "02:30")
    found = list(slots(rule, at("2026-03-28T12:00"), at("2026-03-30T12:00")))
    assert found == [at("2026-03-29T01:00"), at("2026-03-30T00:00"), at("2026-03-30T00:30")]


def test_a_time_that_winter_repeats_is_read_once_the_first_time() -> None:
    found = list(slots(daily("02:30"), at("2026-10-24T12:00"), at("2026-10-26T12:00")))
    assert found == [at("2026-10-25T00:30"), at("2026-10-26T01:30")]


def test_half_an_hour_of_summer_time_is_a_gap_of_half_an_hour() -> None:
    rule = daily("02:15", zone="Australia/Lord_Howe")
    found = list(slots(rule, at("2026-10-03T00:00"), at("2026-10-05T00:00")))
    assert found == [at("2026-10-03T15:30"), at("2026-10-04T15:15")]


def test_a_day_that_a_zone_leaves_out_is_read_when_the_next_begins() -> None:
    rule = daily("12:00", zone="Pacific/Apia")
    found = list(slots(rule, at("2011-12-29T00:00"), at("2011-12-31T12:00")))
    assert found == [at("2011-12-29T22:00"), at("2011-12-30T10:00"), at("2011-12-30T22:00")]


def test_a_day_that_a_month_lacks_is_left_out_and_the_last_is_the_last() -> None:
    found = [
        f"{slot:%m-%d}" for slot in slots(daily("12:00", days=(31,)), at("2026-01-01"), at("2026-06-01"))
    ]
    assert found == ["01-31", "03-31", "05-31"]
    found = [
        f"{slot:%m-%d}" for slot in slots(daily("12:00", days=(-1,)), at("2028-01-01"), at("2028-04-01"))
    ]
    assert found == ["01-31", "02-29", "03-31"]


def test_weekdays_and_days_must_both_fit() -> None:
    rule = daily("12:00", weekdays=(5,), days=(13,))
    assert next_slot(rule, at("2026-01-01")) == at("2026-02-13T11:00")


def test_a_rule_that_never_comes_has_no_slot() -> None:
    rule = daily("12:00", days=(0,))
    assert next_slot(rule, at("2026-01-01")) is None
    assert newest_slot(rule, at("2020-01-01"), at("2026-01-01")) is None


def test_a_zone_that_is_unknown_is_said() -> None:
    with pytest.raises(UnknownZoneError, match="Mars"):
        next_slot(Calendar(zone="Mars/Olympus", times=(0,)), at("2026-01-01"))


@given(rules(), YEARS)
@settings(max_examples=300, deadline=None)
def test_slots_rise_and_the_newest_is_the_one_before_the_next(rule: Rule, now: datetime) -> None:
    following = next_slot(rule, now)
    if following is None:
        return
    assert following > now
    assert newest_slot(rule, now, following) == following
    assert newest_slot(rule, now, following - timedelta(microseconds=1)) is None
    second = next_slot(rule, following)
    if second is not None:
        assert second > following
        assert newest_slot(rule, now, second) == second


@given(st.sampled_from(ZONES), st.integers(0, 1439), st.integers(2012, 2030))
@settings(max_examples=60, deadline=None)
def test_a_daily_time_comes_once_each_day_of_a_year(zone: str, minute: int, year: int) -> None:
    rule = Calendar(zone=zone, times=(minute,))
    begin = datetime(year, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    end = datetime(year + 1, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    found = list(slots(rule, begin - timedelta(microseconds=1), end - timedelta(microseconds=1)))
    days = [slot.astimezone(ZoneInfo(zone)).date() for slot in found]
    assert len(days) == len(set(days)) == (366 if year % 4 == 0 else 365)
    local = {
        (one.hour * 60 + one.minute) - minute for one in (slot.astimezone(ZoneInfo(zone)) for slot in found)
    }
    # Only where the clocks leap may the time be another one, and then a later one.
    assert all(0 <= shift <= 60 for shift in local)
