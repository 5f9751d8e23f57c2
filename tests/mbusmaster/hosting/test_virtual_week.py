import asyncio
from pathlib import Path

from bench.hosted_week import week

from support.virtual_time import VirtualTimeLoop


def test_a_day_of_hourly_readings_at_one_percent_lost_answers_is_complete_and_of_the_right_meters(
    tmp_path: Path,
) -> None:
    # The whole week of 250 meters is `python -m bench.hosted_week`.
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        said = runner.run(week(tmp_path, meters=25, hours=24, loss=0.01))
    assert said["received"] == said["expected"] == 25 * 24
    assert said["doubled"] == said["wrong_meter"] == 0
    assert said["outcomes"] == {"ok": 600}
    assert 1.0 < said["attempts_per_reading"] < 1.1
