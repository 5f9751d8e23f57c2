from hypothesis import given
from hypothesis import strategies as st

from mbusmaster.system.hold import BOUNCE_SECONDS, HOLD_SECONDS, Hold


def test_a_press_counts_while_it_is_still_held_and_only_once() -> None:
    hold = Hold()
    hold.changed(True, 100.0)
    assert hold.due_at == 110.0
    assert not hold.counts(109.99)
    assert hold.counts(110.0)
    assert not hold.counts(110.1)
    assert hold.due_at is None
    hold.changed(False, 130.0)
    assert not hold.counts(130.0)


def test_a_button_that_is_let_go_before_does_nothing() -> None:
    hold = Hold()
    hold.changed(True, 0.0)
    hold.changed(False, 9.9)
    assert hold.due_at is None
    assert not hold.counts(9.9)
    assert not hold.counts(60.0)


def test_the_next_press_is_measured_anew() -> None:
    hold = Hold()
    hold.changed(True, 0.0)
    hold.changed(False, 9.0)
    hold.changed(True, 10.0)
    assert not hold.counts(15.0)
    assert hold.counts(20.0)
    hold.changed(False, 21.0)
    hold.changed(True, 22.0)
    assert hold.counts(32.0)


def test_a_contact_that_bounces_was_not_let_go() -> None:
    hold = Hold()
    for at in (0.0, 0.01, 0.02):
        hold.changed(True, at)
        hold.changed(False, at + 0.005)
    hold.changed(True, 0.03)
    hold.changed(False, 5.0)
    hold.changed(True, 5.0 + BOUNCE_SECONDS / 2)
    assert hold.due_at == 10.0
    assert hold.counts(10.0)


def test_a_bounce_after_it_counted_does_not_count_again() -> None:
    hold = Hold()
    hold.changed(True, 0.0)
    assert hold.counts(10.0)
    hold.changed(False, 12.0)
    hold.changed(True, 12.01)
    assert not hold.counts(30.0)


def test_a_release_that_is_seen_late_counts_from_when_it_was() -> None:
    early, late = Hold(), Hold()
    for hold, released in ((early, 9.9), (late, 10.1)):
        hold.changed(True, 0.0)
        hold.changed(False, released)
    assert not early.counts(11.0)
    assert late.counts(11.0)


def test_progress_rises_while_it_is_held() -> None:
    hold = Hold()
    assert hold.progress(0.0) == 0.0
    hold.changed(True, 10.0)
    assert hold.progress(12.5) == 0.25
    assert hold.progress(25.0) == 1.0
    hold.changed(False, 30.0)
    assert hold.progress(30.01) == 0.0
    assert hold.progress(31.0) == 0.0


def test_a_release_without_a_press_is_nothing() -> None:
    hold = Hold()
    hold.changed(False, 1.0)
    assert hold.due_at is None
    assert not hold.counts(100.0)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.06, 9.8)), max_size=40))
def test_however_it_is_pressed_it_never_counts_without_a_long_hold(changes: list[tuple[bool, float]]) -> None:
    hold = Hold()
    now = 0.0
    pressed_for = 0.0
    was_pressed = False
    for is_pressed, wait in changes:
        pressed_for = pressed_for + wait if was_pressed else 0.0
        now += wait
        if hold.counts(now):
            assert pressed_for > HOLD_SECONDS - 0.001
        hold.changed(is_pressed, now)
        was_pressed = is_pressed
