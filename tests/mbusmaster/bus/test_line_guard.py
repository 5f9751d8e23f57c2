"""When a bus is shut down and comes back, in times that are only numbers."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusmaster.bus.line.guard import (
    BLIND_SECONDS,
    LONGEST_WAIT,
    LOUD_SECONDS,
    STEADY_SECONDS,
    Guard,
    Limits,
    Phase,
)
from mbusmaster.bus.line.idle import LEAST_SAMPLES, IdleCurrent, unit_loads
from mbusmaster.bus.line.reading import Sample, Trouble

WELL = Sample(30.0, 25.0)
MUCH = Sample(550.0, 40.0)
SHORT = Sample(1500.0, 40.0)
HOT = Sample(100.0, 85.0)
CUT_OFF = Sample(0.0, 40.0, is_off=True)


def guard(*, has_switch: bool = False) -> Guard:
    found = Guard(Limits(), has_switch=has_switch)
    if has_switch:
        see(found, WELL, 1.5, 2.0)
    assert found.carries
    return found


def see(guard: Guard, sample: Sample, *times: float, quiet: bool = True) -> None:
    for now in times:
        guard.seen(sample, now, quiet=quiet)


@pytest.mark.parametrize(
    ("sample", "trouble"),
    [
        (MUCH, Trouble.OVERLOAD),
        (SHORT, Trouble.SHORT_CIRCUIT),
        (HOT, Trouble.OVERTEMPERATURE),
        (CUT_OFF, Trouble.OVERLOAD),
        (Sample(trouble=Trouble.OVERTEMPERATURE), Trouble.OVERTEMPERATURE),
        (Sample(30.0, trouble=Trouble.SHORT_CIRCUIT), Trouble.SHORT_CIRCUIT),
    ],
)
@pytest.mark.parametrize("has_switch", [True, False])
def test_what_is_bad_twice_in_a_row_shuts_the_bus_down(
    sample: Sample, trouble: Trouble, has_switch: bool
) -> None:
    one = guard(has_switch=has_switch)
    see(one, sample, 10.0)
    assert one.carries
    assert one.suspects
    see(one, sample, 10.25)
    assert (one.phase, one.trouble, one.trips, one.back_at) == (Phase.SHUT, trouble, 1, 15.25)
    assert not one.feeds


def test_a_single_bad_sample_is_a_spike() -> None:
    one = guard()
    for now in range(10, 60, 2):
        see(one, MUCH, now)
        see(one, WELL, now + 1)
    assert (one.carries, one.trips) == (True, 0)


def test_just_below_the_limits_nothing_happens() -> None:
    one = guard()
    see(one, Sample(549.9, 84.9), *range(100))
    assert (one.carries, one.warns) == (True, True)


def test_a_load_above_250_unit_loads_is_a_warning_until_it_is_clearly_less() -> None:
    one = guard()
    warned = []
    for current in (375.0, 375.1, 370.0, 357.0, 356.0, 370.0):
        see(one, Sample(current), 10.0)
        warned.append(one.warns)
    assert warned == [False, True, True, True, False, False]


def test_many_answers_at_once_are_no_overload_and_no_warning() -> None:
    one = guard()
    see(one, Sample(4000.0), 10.0, 10.25, 11.0, 21.9, quiet=False)
    assert (one.carries, one.warns) == (True, False)
    see(one, WELL, 22.0, quiet=False)
    see(one, Sample(4000.0), 23.0, 34.0, quiet=False)
    assert one.carries


def test_a_current_that_stays_longer_than_any_answer_is_an_overload() -> None:
    one = guard()
    see(one, MUCH, 10.0, 10 + LOUD_SECONDS, 10.25 + LOUD_SECONDS, quiet=False)
    assert one.trouble is Trouble.OVERLOAD


def test_an_alarm_of_the_hardware_counts_during_an_answer_too() -> None:
    one = guard()
    see(one, Sample(30.0, trouble=Trouble.OVERLOAD), 10.0, 10.25, quiet=False)
    assert not one.carries


def test_a_bus_comes_back_by_itself_after_it_was_checked() -> None:
    one = guard(has_switch=True)
    see(one, MUCH, 10.0, 10.25)
    see(one, WELL, 12.0, 15.0)
    assert not one.feeds
    one.pass_time(15.25)
    assert (one.phase, one.feeds, one.carries) == (Phase.CHECKING, True, False)
    see(one, WELL, 16.5, 17.5)
    assert (one.carries, one.trouble, one.trips) == (True, None, 1)


def test_the_rush_of_meters_that_are_switched_on_is_not_judged() -> None:
    one = guard(has_switch=True)
    see(one, MUCH, 10.0, 10.25)
    one.pass_time(15.25)
    see(one, SHORT, 15.3, 15.6, 16.0)
    assert one.phase is Phase.CHECKING
    see(one, WELL, 16.5, 17.5)
    assert one.carries


def test_each_trip_that_follows_soon_doubles_the_wait_up_to_a_bound() -> None:
    one = guard(has_switch=True)
    now, waits = 10.0, []
    for _ in range(12):
        see(one, MUCH, now + 2, now + 2.25)
        waits.append(one.back_at - now - 2.25)
        now = one.back_at
        one.pass_time(now)
    assert waits == [5, 10, 20, 40, 80, 160, 320, *[LONGEST_WAIT] * 5]
    assert one.trips == 12
    see(one, WELL, now + 2, now + 3)
    see(one, MUCH, now + 3 + STEADY_SECONDS, now + 4 + STEADY_SECONDS)
    assert one.back_at == now + 9 + STEADY_SECONDS


def test_a_driver_that_cut_off_by_itself_is_followed_and_counts_once() -> None:
    one = guard()
    see(one, CUT_OFF, *range(10, 100))
    assert (one.trips, one.phase, one.trouble) == (1, Phase.CHECKING, Trouble.OVERLOAD)
    see(one, WELL, 100.0)
    assert not one.carries
    see(one, WELL, 101.0)
    assert one.carries


def test_a_driver_must_cool_down_clearly_before_it_is_fed_again() -> None:
    one = guard(has_switch=True)
    see(one, HOT, 10.0, 10.25)
    see(one, Sample(0.0, 81.0), *range(11, 200))
    assert not one.feeds
    see(one, Sample(0.0, 79.9), 200.0, 201.0)
    assert one.phase is Phase.CHECKING


def test_a_sensor_that_died_does_not_take_the_bus_with_it() -> None:
    one = guard()
    see(one, MUCH, 10.0, 10.25)
    one.blind(15.3)
    assert one.phase is Phase.CHECKING
    one.blind(15.3 + BLIND_SECONDS)
    assert one.carries


@given(
    st.lists(
        st.tuples(
            st.floats(0.01, 30),
            st.sampled_from([WELL, MUCH, SHORT, HOT, CUT_OFF, None]),
            st.booleans(),
        ),
        max_size=60,
    ),
    st.booleans(),
)
def test_whatever_happens_a_bus_that_is_well_comes_back_within_the_longest_wait(
    steps: list[tuple[float, Sample | None, bool]], has_switch: bool
) -> None:
    one, now = Guard(Limits(), has_switch=has_switch), 0.0
    for seconds, sample, quiet in steps:
        now += seconds
        trips = one.trips
        if sample is None:
            one.blind(now)
        else:
            one.seen(sample, now, quiet=quiet)
        assert one.trips - trips in (0, 1)
        assert one.carries == (one.trouble is None) or one.phase is Phase.CHECKING
        assert one.back_at - now <= LONGEST_WAIT
    for second in itertools.count(1):
        one.seen(WELL, now + second, quiet=True)
        if one.carries:
            break
        assert second < LONGEST_WAIT + 10


def test_the_idle_current_is_the_median_and_nothing_before_enough_was_seen() -> None:
    idle = IdleCurrent()
    for current in (30.0, 31.5, 500.0, 30.0):
        idle.quiet(current)
    assert idle.milliamperes is None
    idle.quiet(30.0)
    assert idle.milliamperes == 30.0
    assert unit_loads(30.0) == 20.0
    idle.forget()
    assert idle.milliamperes is None
    for _ in range(LEAST_SAMPLES):
        idle.quiet(45.0)
    assert idle.milliamperes == 45.0
