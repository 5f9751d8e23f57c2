"""How a meter's clock goes, and that somebody else reads the meter."""

from datetime import UTC, datetime, timedelta
from typing import Final

from mbusheadend.judging.access import Answers, ForeignAnswers, foreign_answers
from mbusheadend.judging.clocks import clock_state

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
SECOND: Final = timedelta(seconds=1)


def told(hours: int, ahead: timedelta, a_day: timedelta = timedelta()) -> list[tuple[datetime, datetime]]:
    moments = (START + number * HOUR + 17 * SECOND for number in range(hours))
    return [
        (taken, (taken + ahead + a_day * ((taken - START) / (24 * HOUR))).replace(tzinfo=None))
        for taken in moments
    ]


def test_a_clock_that_goes_right_in_its_zone_has_no_error() -> None:
    state = clock_state(told(72, timedelta(hours=5, minutes=30)))
    assert state is not None
    assert (state.zone, state.error, state.drift, state.was_set) == (
        timedelta(hours=5.5),
        timedelta(),
        timedelta(),
        False,
    )


def test_a_clock_that_gains_is_told_by_how_much() -> None:
    state = clock_state(told(24 * 20, HOUR, 4 * SECOND))
    assert state is not None
    assert state.drift is not None
    assert abs(state.drift - 4 * SECOND) < SECOND / 100
    assert abs(state.error - 80 * SECOND) < SECOND
    assert not state.was_set


def test_single_wrong_times_do_not_matter_for_the_drift() -> None:
    readings = told(200, HOUR, 2 * SECOND)
    readings[50] = (readings[50][0], readings[50][1] + 60 * SECOND)
    state = clock_state(readings)
    assert state is not None
    assert state.drift is not None
    assert abs(state.drift - 2 * SECOND) < SECOND / 10


def test_summer_time_and_setting_the_clock_are_leaps_and_no_drift() -> None:
    summer = [(taken + 72 * HOUR, own + 72 * HOUR) for taken, own in told(72, 2 * HOUR)]
    state = clock_state(told(72, HOUR) + summer)
    assert state is not None
    assert (state.zone, state.error, state.drift, state.was_set) == (2 * HOUR, timedelta(), timedelta(), True)


def test_a_clock_that_tells_minutes_is_not_taken_for_one_that_is_late() -> None:
    moments = (taken + number % 60 * SECOND for number, (taken, _) in enumerate(told(72, HOUR)))
    whole = [(taken, (taken + HOUR).replace(second=0, tzinfo=None)) for taken in moments]
    state = clock_state(whole)
    assert state is not None
    assert abs(state.error) <= 30 * SECOND


def test_a_few_readings_say_nothing_about_drift() -> None:
    state = clock_state(told(3, HOUR, 9 * SECOND))
    assert state is not None
    assert state.drift is None
    assert clock_state(told(1, HOUR, 9 * SECOND)) is not None
    assert clock_state([]) is None


def answers(*numbers: int, telegrams: int = 1) -> list[Answers]:
    return [
        Answers(START + place * HOUR, number, (number + telegrams - 1) % 256, is_clean=True)
        for place, number in enumerate(numbers)
    ]


def test_a_jump_of_the_access_number_is_somebody_else() -> None:
    readings = answers(250, 251, 252, 253, 254, 255, 0, 5, 6, 7)
    assert foreign_answers(readings) == (ForeignAnswers(START + 6 * HOUR, START + 7 * HOUR, 4),)


def test_readings_of_several_telegrams_count_each() -> None:
    assert foreign_answers(answers(1, 4, 7, 10, 13, 16, 19, telegrams=3)) == ()


def test_a_meter_that_does_not_count_accuses_nobody() -> None:
    assert foreign_answers(answers(*[7] * 20)) == ()
    assert foreign_answers(answers(3, 99, 14, 200, 5, 6, 77, 150)) == ()
    assert foreign_answers(answers(1, 2, 9)) == ()


def test_a_request_that_was_repeated_accuses_nobody() -> None:
    readings = answers(*range(12))
    repeated = Answers(START + 12 * HOUR, 14, 14, is_clean=False)
    assert foreign_answers([*readings, repeated]) == ()
