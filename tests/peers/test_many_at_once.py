"""All kinds of clients at once, and a scan from the page: `make soak` in short."""

import pytest
from bench.soak import soak

pytestmark = [pytest.mark.peers, pytest.mark.process, pytest.mark.timeout(300)]


def test_every_answer_is_right_and_nobody_waits_too_long() -> None:
    score = soak(1.0, "--speed", "fast", addresses=(120, "63940045AE4C0804"))
    assert score.is_good, score.wrong or str(score)
    assert (score.rounds > 0, score.scans > 0) == (True, True)
