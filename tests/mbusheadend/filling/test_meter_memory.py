"""What a meter has stored itself, and of when it is."""

from datetime import date, datetime, timedelta
from typing import Final

import pytest

from mbus.application.datatypes import Value
from mbusheadend.decoding.registers import Register
from mbusheadend.filling.memory import Memory, ahead_of_utc, memories_of
from support.headend_messages import START
from support.headend_meters import ENERGY
from support.headend_readings import judged_reading

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


def stored(register: Register, storage: int) -> Register:
    return register._replace(storage=storage)


def stamp(storage: int, quantity: str = "date") -> Register:
    return Register("instantaneous", storage, 0, 0, quantity, "", ())


def test_stored_values_belong_to_the_date_of_their_storage_number() -> None:
    maximum = Register("maximum", 1, 0, 0, "power", "W", ())
    others: dict[Register, Value] = {
        stored(ENERGY, 1): 500, stamp(1): "2026-10-31", maximum: 9, stored(ENERGY, 2): 400,
        stored(ENERGY, 3): 300, stamp(3, "date_time"): "2026-09-30T23:59:00", stamp(4): "2026-01-01",
    }  # fmt: skip
    assert list(memories_of(judged_reading(0, 600, others=others))) == [
        Memory(1, date(2026, 10, 31), ((ENERGY, 500),)),
        Memory(3, datetime(2026, 9, 30, 23, 59), ((ENERGY, 300),)),
    ]


@pytest.mark.parametrize("text", ["--12-31", "2026-10", "---01", "nonsense"])
def test_a_date_that_leaves_something_open_says_nothing(text: str) -> None:
    others: dict[Register, Value] = {stored(ENERGY, 1): 500, stamp(1): text}
    assert list(memories_of(judged_reading(0, 600, others=others))) == []


def test_a_storage_number_with_two_dates_says_nothing() -> None:
    others: dict[Register, Value] = {
        stored(ENERGY, 1): 500, stamp(1): "2026-10-31", stamp(1, "date_time"): "2026-10-31T12:00:00",
    }  # fmt: skip
    assert list(memories_of(judged_reading(0, 600, others=others))) == []


def test_a_stamp_fits_a_slot_in_the_meters_own_time() -> None:
    exact = Memory(1, datetime(2026, 11, 23, 0, 59), ())
    assert exact.is_of(START, HOUR, HOUR)
    assert not exact.is_of(START, timedelta(), HOUR)
    by_day = Memory(1, date(2026, 11, 23), ())
    assert by_day.is_of(START, HOUR, DAY)
    assert not by_day.is_of(START, HOUR, HOUR)
    assert not by_day.is_of(START, -HOUR, DAY)
    assert (exact.is_by_day, by_day.is_by_day) == (False, True)


def test_only_a_sound_clock_tells_the_zone_of_stamps() -> None:
    assert ahead_of_utc(judged_reading(0, 1, own=START + HOUR + timedelta(minutes=2))) == HOUR
    assert ahead_of_utc(judged_reading(0, 1, own=START + HOUR + timedelta(minutes=6))) is None
    assert ahead_of_utc(judged_reading(0, 1, own=START - 300 * DAY)) is None
    assert ahead_of_utc(judged_reading(0, 1)) is None
