from mbusio.reconnect import FIRST_WAIT, LONGEST_WAIT, STEADY_SECONDS, Reconnect, State


def longest(now: float = 0.0) -> Reconnect:
    """Without shortening by chance."""
    return Reconnect(lambda: 0.0, now)


def test_it_begins_by_connecting() -> None:
    assert longest().state is State.CONNECTING


def test_an_opened_connection_is_open() -> None:
    reconnect = longest()
    reconnect.opened(1.0)
    assert (reconnect.state, reconnect.since) == (State.OPEN, 1.0)


def test_a_failed_attempt_is_tried_again_when_its_time_has_come() -> None:
    reconnect = longest()
    reconnect.failed("no such device", 1.0)
    assert (reconnect.state, reconnect.reason) == (State.LOST, "no such device")
    assert not reconnect.try_again(1.0 + FIRST_WAIT / 2)
    assert reconnect.try_again(1.0 + FIRST_WAIT)
    assert reconnect.state is State.CONNECTING


def test_each_failure_in_a_row_doubles_the_wait_up_to_the_longest() -> None:
    reconnect = longest()
    waits = []
    for _ in range(9):
        reconnect.failed("refused", 0.0)
        waits.append(reconnect.retry_at)
    assert waits[:4] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT]
    assert waits[-1] == LONGEST_WAIT


def test_a_connection_that_held_makes_the_waits_short_again() -> None:
    reconnect = longest()
    for _ in range(6):
        reconnect.failed("refused", 0.0)
    reconnect.opened(100.0)
    reconnect.failed("unplugged", 100.0 + STEADY_SECONDS)
    assert reconnect.retry_at == 100.0 + STEADY_SECONDS + FIRST_WAIT


def test_a_connection_that_fails_at_once_counts_as_a_failure() -> None:
    reconnect = longest()
    reconnect.failed("refused", 0.0)
    reconnect.opened(1.0)
    reconnect.failed("hung up", 1.1)
    assert reconnect.retry_at == 1.1 + 2 * FIRST_WAIT


def test_chance_shortens_a_wait_by_up_to_half() -> None:
    reconnect = Reconnect(lambda: 1.0, 0.0)
    reconnect.failed("refused", 0.0)
    assert reconnect.retry_at == FIRST_WAIT / 2


def test_a_connection_is_not_tried_while_it_is_open() -> None:
    reconnect = longest()
    reconnect.opened(0.0)
    assert not reconnect.try_again(100.0)
