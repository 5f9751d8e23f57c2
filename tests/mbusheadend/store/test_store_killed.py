"""A head-end that is killed at any moment has every reading that it had acknowledged, once."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from mbusheadend.store.sqlite.store import SqliteStore
from support.headend_messages import START
from support.headend_writer import SIZE, frames
from support.needs import PROJECT

KILLS = 8


def deliver_until_killed(path: Path, first: int, batches: int) -> int:
    """Give the number of the last batch that was acknowledged; kill the writer a moment after so many."""
    command = [sys.executable, "-m", "support.headend_writer", str(path), str(first)]
    environment = {**os.environ, "PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT / 'tests'}"}
    last = first - 1
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout is not None
        for _ in range(batches):
            last = int(writer.stdout.readline())
        # It goes on writing until the signal arrives.
        writer.send_signal(signal.SIGKILL)
        for line in writer.stdout:
            if line.endswith(b"\n"):
                last = int(line)
    return last


@pytest.mark.process
async def test_what_was_acknowledged_survives_kill_9_exactly_once(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    random = Random(6)
    last = -1
    for _ in range(KILLS):
        last = deliver_until_killed(path, last + 1, random.randrange(1, 12))
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            count = connection.execute("SELECT count(*) FROM reading").fetchone()[0]
        # What was stored and not acknowledged any more is at most the batch under way.
        assert count in ((last + 1) * SIZE, (last + 2) * SIZE)
    store = SqliteStore(path)
    found = {}
    for meter in await store.meters():
        page = await store.readings(meter.id, START, START + timedelta(days=400), limit=10_000)
        assert page.after is None
        for one in page.readings:
            number = int(one.id, 16) - 1
            assert number not in found
            found[number] = one.telegrams
            assert one.telegrams == tuple(frames(number))
    store.close()
    assert found.keys() >= set(range((last + 1) * SIZE))
