"""Whoever guesses waits longer and longer; whoever knows the password is not locked out by others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusweb.access.throttle import (
    FIRST_DELAY,
    FORGOTTEN_AFTER,
    FREE,
    LONGEST_DELAY,
    LONGEST_DELAY_FOR_A_USER,
    MOST_KNOWN,
    MOST_SOURCES,
    MOST_USERS,
    Throttle,
    source_key,
)


def failures(throttle: Throttle, count: int, user: str, source: str, now: float = 0.0) -> float:
    """Fail so often, waiting as long as one must; give the time after the last."""
    for _ in range(count):
        attempt = throttle.begin(user, source, now)
        if attempt.wait_seconds:
            now += attempt.wait_seconds
            assert throttle.begin(user, source, now).wait_seconds == 0
    return now


def test_the_delay_doubles_up_to_a_ceiling() -> None:
    throttle = Throttle()
    now = failures(throttle, 20, "a", "10.0.0.5")
    assert throttle.begin("a", "10.0.0.5", now).wait_seconds == LONGEST_DELAY


def test_the_sixth_try_waits_five_seconds_then_ten_then_twenty() -> None:
    throttle = Throttle()
    now = failures(throttle, 5, "a", "10.0.0.5")
    assert now == 0.0
    for wait in (5.0, 10.0, 20.0):
        assert throttle.begin("a", "10.0.0.5", now).wait_seconds == wait
        now += wait
        attempt = throttle.begin("a", "10.0.0.5", now)
        assert attempt.wait_seconds == 0
        assert attempt.next_wait_seconds == 2 * wait


def test_other_names_from_the_same_source_do_not_help() -> None:
    throttle = Throttle()
    for number in range(5):
        assert throttle.begin(f"user{number}", "10.0.0.5", 0.0).wait_seconds == 0
    assert throttle.begin("another", "10.0.0.5", 0.0).wait_seconds == FIRST_DELAY


def test_tries_during_a_delay_do_not_make_it_longer() -> None:
    throttle = Throttle()
    failures(throttle, 5, "a", "10.0.0.5")
    for _ in range(100):
        assert throttle.begin("a", "10.0.0.5", 1.0).wait_seconds == FIRST_DELAY - 1.0


def test_a_success_forgives_what_this_user_failed_here_and_not_what_others_did() -> None:
    throttle = Throttle()
    failures(throttle, 3, "a", "10.0.0.5")
    throttle.succeeded(throttle.begin("a", "10.0.0.5", 0.0))
    failures(throttle, 4, "b", "10.0.0.5")
    throttle.succeeded(throttle.begin("a", "10.0.0.5", 0.0))
    assert throttle.begin("b", "10.0.0.5", 0.0).wait_seconds == 0, "the fifth of b"
    assert throttle.begin("a", "10.0.0.5", 0.0).wait_seconds == FIRST_DELAY


def test_a_success_leaves_no_delay_of_its_own_behind() -> None:
    throttle = Throttle()
    now = failures(throttle, 7, "b", "10.0.0.5") + LONGEST_DELAY
    throttle.succeeded(throttle.begin("a", "10.0.0.5", now))
    assert throttle.begin("a", "10.0.0.5", now).wait_seconds == 0


def test_failures_are_forgotten_an_hour_later() -> None:
    throttle = Throttle()
    now = failures(throttle, 9, "a", "10.0.0.5")
    now += throttle.begin("a", "10.0.0.5", now).wait_seconds + FORGOTTEN_AFTER + 1
    assert failures(throttle, 5, "a", "10.0.0.5", now) == now


def test_strangers_slow_a_user_down_a_little_but_lock_nobody_out() -> None:
    throttle = Throttle()
    throttle.succeeded(throttle.begin("a", "192.168.1.7", 0.0))
    now = 0.0
    for number in range(400):
        now = failures(throttle, 1, "a", f"10.1.{number // 250}.{number % 250}", now)
    assert 0 < throttle.begin("a", "172.16.0.9", now).wait_seconds <= LONGEST_DELAY_FOR_A_USER
    assert throttle.begin("a", "192.168.1.7", now).wait_seconds == 0, "from where the user came before"
    assert throttle.begin("a", "10.0.0.2", now, at_device=True).wait_seconds == 0, "at the device"
    assert throttle.begin("b", "172.16.0.9", now).wait_seconds == 0, "another user"


def test_a_known_source_may_not_guess_for_ever_either() -> None:
    throttle = Throttle()
    throttle.succeeded(throttle.begin("a", "192.168.1.7", 0.0))
    failures(throttle, 5, "a", "192.168.1.7")
    assert throttle.begin("a", "192.168.1.7", 0.0).wait_seconds == FIRST_DELAY


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
        ("::ffff:10.0.0.5", "10.0.0.5"),
        ("fe80::1%eth0", "fe80::2%eth1"),
    ],
)
def test_addresses_that_one_machine_can_choose_are_one_source(one: str, other: str) -> None:
    assert source_key(one) == source_key(other)


def test_other_networks_are_other_sources() -> None:
    assert (
        len({source_key(text) for text in ("2001:db8:1:2::1", "2001:db8:1:3::1", "10.0.0.1", "10.0.0.2")})
        == 4
    )
    assert len(source_key("x" * 5000)) == 64


def test_any_number_of_names_and_sources_takes_bounded_room() -> None:
    throttle = Throttle()
    for number in range(1500):
        throttle.succeeded(
            throttle.begin(f"u{number}", f"10.0.{number // 250}.{number % 250}", float(number))
        )
        throttle.begin(f"v{number}", f"10.1.{number // 250}.{number % 250}", float(number))
        throttle.begin(f"w{number}", "10.9.9.9", number * 2000.0)
    assert len(throttle._sources) <= MOST_SOURCES
    assert len(throttle._users) <= MOST_USERS
    assert len(throttle._known) <= MOST_KNOWN
    assert all(len(count.of_users) <= 33 for count in throttle._sources.values())


def test_a_crowd_of_sources_does_not_drive_out_the_one_that_failed_most() -> None:
    throttle = Throttle()
    now = failures(throttle, 12, "a", "10.9.9.9")
    for number in range(2 * MOST_SOURCES):
        throttle.begin("x", f"10.0.{number // 250}.{number % 250}", now)
    assert throttle.begin("a", "10.9.9.9", now).wait_seconds > 0


steps = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1"]),
        st.floats(0.0, 2000.0),
        st.booleans(),
    ),
    max_size=120,
)


@given(steps)
def test_whatever_happens_guesses_from_a_source_are_bounded_in_time(
    tries: list[tuple[str, str, float, bool]],
) -> None:
    """Nobody guesses right here: from one source five are looked at, and after that never five within the shortest delay."""
    throttle = Throttle()
    now = 0.0
    looked_at: dict[str, list[float]] = {}
    for user, source, seconds, at_device in tries:
        now += seconds
        attempt = throttle.begin(user, source, now, at_device=at_device)
        assert 0 <= attempt.wait_seconds <= LONGEST_DELAY
        if not attempt.wait_seconds:
            looked_at.setdefault(source, []).append(now)
    for times in looked_at.values():
        for first, sixth in zip(times, times[FREE:], strict=False):
            assert sixth - first >= FIRST_DELAY


@given(steps)
def test_whoever_always_guesses_right_never_waits_long(tries: list[tuple[str, str, float, bool]]) -> None:
    throttle = Throttle()
    now = 0.0
    for user, source, seconds, at_device in tries:
        now += seconds
        attempt = throttle.begin(user, source, now, at_device=at_device)
        assert attempt.wait_seconds == 0
        throttle.succeeded(attempt)
