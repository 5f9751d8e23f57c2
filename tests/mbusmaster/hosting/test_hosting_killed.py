import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.needs import PROJECT, program

KILLS = 8

pytestmark = pytest.mark.process


def run(folder: Path, first: int | None, seconds: float | None) -> list[list[str]]:
    """Let the writer work, kill it after so many seconds, and give its words line by line."""
    command = [sys.executable, "-m", "support.outbox_writer", str(folder)]
    command += [] if first is None else [str(first)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "tests")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        words = [writer.stdout.readline()]
        assert words == [b"ready\n"]
        if seconds is not None:
            time.sleep(seconds)
            writer.send_signal(signal.SIGKILL)
        words += writer.stdout.readlines()
    assert seconds is not None or writer.returncode == 0
    return [line.decode().split() for line in words if line.endswith(b"\n")]


def test_on_a_disk_that_others_fill_only_history_is_given_up_and_that_is_said(tmp_path: Path) -> None:
    work = f"mount -t tmpfs -o size=5m tmpfs {tmp_path} && {sys.executable} -m support.outbox_on_full_disk {tmp_path}"
    finished = subprocess.run(
        [program("unshare", "util-linux"), "--mount", "--propagation", "private", "sh", "-c", work],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "tests")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    said = json.loads(finished.stdout)
    assert [said[part] for part in ("old", "new", "more")] == [True, True, True]
    assert said["dropped"] == 0
    assert "disk is full" in said["alarms"][0]
    assert not said["after"]


def test_killed_at_any_moment_the_outbox_delivers_each_reading_that_it_took_once(tmp_path: Path) -> None:
    chance = random.Random(6)
    stored: dict[str, str] = {}
    sent: dict[str, str] = {}
    first = 0
    for _ in range(KILLS):
        for line in run(tmp_path, first, chance.uniform(0.0, 0.4)):
            match line:
                case ["stored", number, id]:
                    stored[id] = number
                    first = int(number) + 1
                case ["sent", number, id]:
                    sent[id] = number
        # The one that was being stored may be there or not; nobody counts on it.
        first += 1
    for line in run(tmp_path, None, None):
        if line[0] == "sent":
            sent[line[2]] = line[1]
    assert len(stored) > 10
    assert stored.items() <= sent.items()
    assert len(set(sent.values())) == len(sent)
    assert len(sent) - len(stored) <= KILLS
