"""How long a master waits after a head-end that failed."""

import pytest

from mbusmaster.hosting.agent import FIRST_PAUSE, LONGEST_PAUSE, LONGEST_REFUSED, Backoff
from mbusmaster.hosting.link_errors import (
    HeadEndOverloadedError,
    HeadEndRefusedError,
    HeadEndUnreachableError,
)
from mbusweb.texts import Text

WHY = Text("why")


def test_failures_in_a_row_are_followed_by_ever_longer_waits_up_to_a_ceiling() -> None:
    backoff = Backoff(lambda: 0.0)
    waits = [backoff.seconds(HeadEndUnreachableError(WHY)) for _ in range(10)]
    assert waits[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert waits[-1] == LONGEST_PAUSE


def test_a_head_end_that_wants_a_new_token_is_asked_rarely() -> None:
    backoff = Backoff(lambda: 0.0)
    waits = [backoff.seconds(HeadEndRefusedError(WHY, needs_token=True)) for _ in range(20)]
    assert waits[-1] == LONGEST_REFUSED


@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_an_appointment_is_kept_however_often_one_was_sent_away(chance: float) -> None:
    backoff = Backoff(lambda: chance)
    for _ in range(5):
        assert 30.0 <= backoff.seconds(HeadEndOverloadedError(WHY, 30.0)) <= 33.0


def test_an_appointment_in_a_year_is_not_believed() -> None:
    assert Backoff(lambda: 0.0).seconds(HeadEndOverloadedError(WHY, 1e9)) == LONGEST_REFUSED
