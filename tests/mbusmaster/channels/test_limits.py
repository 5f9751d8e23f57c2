"""What strangers can make grow has bounds."""

from mbusmaster.channels.limits import LOG_AGAIN_SECONDS, LOG_LINES, Rarely


def test_an_event_is_told_once_for_each_source_and_kind_and_again_after_a_while() -> None:
    rarely = Rarely()
    assert rarely.allows("a", "garbage", 0.0)
    assert not rarely.allows("a", "garbage", LOG_AGAIN_SECONDS - 1)
    assert rarely.allows("a", "idle", 1.0)
    assert rarely.allows("b", "garbage", 1.0)
    assert rarely.allows("a", "garbage", LOG_AGAIN_SECONDS)


def test_any_number_of_sources_makes_a_bounded_number_of_lines() -> None:
    rarely = Rarely()
    for start in (0.0, 2 * LOG_AGAIN_SECONDS):
        told = sum(rarely.allows(str(number), "garbage", start + number / 100) for number in range(5000))
        assert told == LOG_LINES
