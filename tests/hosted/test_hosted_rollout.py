"""A gateway as a program installs a release because a rollout says so, and the rollout sees it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.needs import program

PROJECT = Path(__file__).parents[2]

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


async def test_a_rollout_brings_a_release_to_a_gateway(tmp_path: Path) -> None:
    command = [program("unshare", "util-linux"), "--mount", "--propagation", "private", sys.executable]
    command += ["-m", "hosted.rollout_run", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "tests"), "TMPDIR": str(tmp_path)}
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "updated, finished, release 42"
