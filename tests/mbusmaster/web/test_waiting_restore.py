from datetime import UTC, datetime

from mbusmaster.settings import Settings
from mbusmaster.settings.backup import Header, Restored
from mbusmaster.web.waiting_restore import LONGEST_WAIT, MOST, WaitingRestores

RESTORED = Restored(Settings(), {}, Header(3, datetime(2026, 1, 1, tzinfo=UTC), "", "SN", False))


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_is_kept_can_be_taken_once() -> None:
    waiting = WaitingRestores(Time())
    key = waiting.keep("anna", RESTORED)
    assert waiting.take("anna", key) is RESTORED
    assert waiting.take("anna", key) is None


def test_another_user_gets_nothing_and_the_answer_is_used_up() -> None:
    waiting = WaitingRestores(Time())
    key = waiting.keep("anna", RESTORED)
    assert waiting.take("berta", key) is None
    assert waiting.take("anna", key) is None


def test_after_a_while_it_is_forgotten() -> None:
    time = Time()
    waiting = WaitingRestores(time)
    key = waiting.keep("anna", RESTORED)
    time.now = LONGEST_WAIT + 1
    assert waiting.take("anna", key) is None


def test_a_user_has_one_and_all_together_have_few() -> None:
    waiting = WaitingRestores(Time())
    first = waiting.keep("anna", RESTORED)
    second = waiting.keep("anna", RESTORED)
    assert waiting.take("anna", first) is None
    for number in range(MOST):
        waiting.keep(f"user{number}", RESTORED)
    assert waiting.take("anna", second) is None
