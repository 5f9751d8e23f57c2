import pytest

from mbusio.allowance import GENEROUS, LEAST, MEMORY_SECONDS, Allowance

WINDOW = 0.1875


def learned(*delays: float) -> Allowance:
    allowance = Allowance()
    for delay in delays:
        allowance.answered(delay, WINDOW, 0.0)
    return allowance


def test_it_begins_generous() -> None:
    assert Allowance().seconds(0.0) == GENEROUS


def test_each_answer_in_time_halves_it() -> None:
    allowance = learned(0.03)
    assert allowance.seconds(0.0) == GENEROUS / 2
    allowance.answered(0.03, WINDOW, 0.0)
    assert allowance.seconds(0.0) == GENEROUS / 4


def test_it_never_shrinks_below_the_least() -> None:
    assert learned(*[0.01] * 30).seconds(0.0) == LEAST


def test_it_keeps_four_times_the_largest_extra_delay() -> None:
    assert learned(*[0.03] * 8, WINDOW + 0.1, *[0.03] * 8).seconds(0.0) == pytest.approx(0.4)


def test_it_keeps_twice_the_time_that_every_answer_took() -> None:
    assert learned(*[0.15] * 10).seconds(0.0) == pytest.approx(0.3)


def test_an_extra_delay_far_back_is_forgotten() -> None:
    assert learned(WINDOW + 0.3, *[0.03] * 20).seconds(0.0) == LEAST


def test_a_late_answer_makes_it_generous_at_once() -> None:
    allowance = learned(*[0.03] * 10)
    allowance.late()
    assert allowance.seconds(0.0) == GENEROUS
    assert allowance.doubts == 1


def test_after_lateness_it_is_learned_anew() -> None:
    allowance = learned(*[0.03] * 10)
    allowance.late()
    allowance.answered(0.03, WINDOW, 0.0)
    assert allowance.seconds(0.0) == GENEROUS / 2


def test_a_surprising_silence_doubles_it_up_to_generous() -> None:
    allowance = learned(*[0.03] * 10)
    allowance.surprised()
    assert allowance.seconds(0.0) == 2 * LEAST
    for _ in range(10):
        allowance.surprised()
    assert allowance.seconds(0.0) == GENEROUS
    assert allowance.doubts == 0


def test_it_never_exceeds_what_it_began_with() -> None:
    assert learned(WINDOW + 1.9).seconds(0.0) == GENEROUS


def test_what_was_learned_long_ago_is_void() -> None:
    allowance = learned(*[0.03] * 10)
    assert allowance.seconds(MEMORY_SECONDS - 1) == LEAST
    assert allowance.seconds(MEMORY_SECONDS + 1) == GENEROUS
