import asyncio
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mbusmaster.system.restart import (
    END_SECONDS,
    RESTART_STATUS,
    ExitReason,
    Restart,
    is_supervised,
    start_again,
    wind_down,
)
from support.virtual_time import in_virtual_time

AGAIN = """
import os, sys
from mbusmaster.system.restart import start_again
print(os.getpid(), sys.argv[1:], os.environ["NOTIFY_SOCKET"], os.getcwd())
if os.environ.pop("FIRST", ""):
    start_again()
"""


def test_a_master_that_was_told_to_end_ends() -> None:
    assert Restart(lambda: None).reason is ExitReason.STOPPED


def test_a_restart_ends_the_master_once_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    stopped: list[str] = []
    restart = Restart(lambda: stopped.append("stop"))
    with caplog.at_level(logging.INFO):
        restart.request("Ada, from the page")
        restart.request("again")
    assert stopped == ["stop"]
    assert restart.reason is ExitReason.RESTART
    assert "restart: Ada, from the page" in caplog.text


def test_only_a_process_that_systemd_started_itself_is_supervised() -> None:
    assert is_supervised({"SYSTEMD_EXEC_PID": "42"}, 42)
    # A shell in a terminal that is a service hands its environment down.
    assert not is_supervised({"SYSTEMD_EXEC_PID": "41", "INVOCATION_ID": "x"}, 42)
    assert not is_supervised({}, 42)


def test_under_a_service_manager_the_status_asks_for_a_new_start() -> None:
    with pytest.raises(SystemExit) as end:
        start_again(supervised=True, execute=lambda program, arguments: pytest.fail("executed"))
    assert end.value.code == RESTART_STATUS


@pytest.mark.process
def test_without_one_the_process_starts_itself_again_with_all_it_was_given(tmp_path: Path) -> None:
    script = tmp_path / "again.py"
    script.write_text(AGAIN)
    environment = {**os.environ, "FIRST": "yes", "NOTIFY_SOCKET": "/run/x"}
    environment.pop("SYSTEMD_EXEC_PID", None)
    command = [sys.executable, "again.py", "run", "--config", "a b.toml", "--state", "./state"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == second
    assert "['run', '--config', 'a b.toml', '--state', './state'] /run/x" in first


async def test_all_are_let_go_at_once_and_one_that_fails_keeps_no_other_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended: list[str] = []
    both = asyncio.Barrier(2)

    async def first() -> None:
        await both.wait()
        ended.append("first")

    async def second() -> None:
        await both.wait()
        ended.append("second")

    async def failing() -> None:
        raise OSError("no room")

    await wind_down(first, failing, second)
    assert sorted(ended) == ["first", "second"]
    assert "did not end as it should" in caplog.text


@in_virtual_time
async def test_one_that_takes_too_long_is_cut_off() -> None:
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("cut off")

    await wind_down(endless)
    assert asyncio.get_running_loop().time() == END_SECONDS
    assert ended == ["cut off"]
