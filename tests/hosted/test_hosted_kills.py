import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hosted.kills import play
from support.needs import PROJECT, program

KILLS = 30
KILLS_ON_A_FULL_DISK = 6

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


async def test_killed_at_random_moments_over_a_bad_network_each_reading_arrives_once(tmp_path: Path) -> None:
    figures = await play(tmp_path, KILLS, seed=6)
    assert figures.faults == []
    assert figures.kills.total() == KILLS
    assert figures.readings == 8 * figures.commands
    assert figures.readings <= figures.answers


async def test_on_a_disk_that_fills_up_nothing_is_missing_that_is_not_said_to_be_given_up(
    tmp_path: Path,
) -> None:
    command = [program("unshare", "util-linux"), "--mount", "--propagation", "private", sys.executable]
    command += ["-m", "hosted.kills", "--small-disk", "--seed", "3", "--kills", str(KILLS_ON_A_FULL_DISK)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "tests"), "TMPDIR": str(tmp_path)}
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
