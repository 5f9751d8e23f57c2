from pathlib import Path

import pytest

from hosted.kills import play

KILLS = 30

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


async def test_killed_at_random_moments_over_a_bad_network_each_reading_arrives_once(tmp_path: Path) -> None:
    figures = await play(tmp_path, KILLS, seed=6)
    assert figures.faults == []
    assert figures.kills.total() == KILLS
    assert figures.readings == 8 * figures.commands
    assert figures.readings <= figures.answers
