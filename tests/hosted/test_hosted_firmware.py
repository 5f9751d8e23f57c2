"""A gateway as a program finds, fetches and installs what the head-end offers that has taken it in."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.needs import program

PROJECT = Path(__file__).parents[2]

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


async def test_a_gateway_that_is_taken_in_installs_what_its_head_end_offers(tmp_path: Path) -> None:
    command = [program("unshare", "util-linux"), "--mount", "--propagation", "private", sys.executable]
    command += ["-m", "hosted.firmware_run", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "tests"), "TMPDIR": str(tmp_path)}
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "release 42"
