from pathlib import Path

import pytest

from hosted.big_kills import Figures, Victim, play, play_outage
from hosted.big_site import METERS

KILLS = 30
KILLS_WITHOUT_STREAM = 8
OUTAGE_SECONDS = 30.0

pytestmark = [pytest.mark.process, pytest.mark.peers, pytest.mark.timeout(480)]


def check(figures: Figures, kinds: set[Victim], kills: int) -> None:
    assert figures.faults == []
    assert figures.kills.total() == kills
    assert set(figures.kills) == kinds
    assert figures.readings == METERS * figures.commands.total() + figures.scheduled


async def test_with_each_part_killed_in_turn_each_reading_is_in_the_store_once(tmp_path: Path) -> None:
    check(await play(tmp_path, KILLS, seed=6), set(Victim), KILLS)


async def test_so_it_is_where_head_ends_write_straight_to_the_store(tmp_path: Path) -> None:
    figures = await play(tmp_path, KILLS_WITHOUT_STREAM, seed=7, with_stream=False)
    check(figures, set(Victim) - {Victim.WRITER, Victim.NODE}, KILLS_WITHOUT_STREAM)


async def test_while_the_store_is_away_the_stream_takes_uploads_and_a_head_end_can_begin(
    tmp_path: Path,
) -> None:
    figures = await play_outage(tmp_path, OUTAGE_SECONDS)
    assert figures.faults == []
    assert figures.meanwhile > 0
    assert figures.lag > 0
    assert figures.ends["head-1"] == figures.ends["head-2"] == 0
    assert figures.readings == METERS * figures.commands.total()
