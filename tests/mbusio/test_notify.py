import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mbusio.notify import (
    ALIVE,
    READY,
    STOPPING,
    VARIABLE,
    notify_ready,
    notify_status,
    notify_stopping,
    stay_alive,
    watchdog_seconds,
)
from support.virtual_time import in_virtual_time


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(10)
        monkeypatch.setenv(VARIABLE, str(tmp_path / "notify"))
        yield sock


def heard(listener: socket.socket) -> list[bytes]:
    listener.setblocking(False)
    messages = []
    try:
        while True:
            messages.append(listener.recv(4096))
    except BlockingIOError:
        return messages


def test_who_started_the_master_is_told(listener: socket.socket) -> None:
    notify_ready()
    assert heard(listener) == [READY]
    notify_ready("2 buses, 3 channels")
    notify_stopping("a restart is wanted")
    assert heard(listener) == [READY, b"STATUS=2 buses, 3 channels", STOPPING, b"STATUS=a restart is wanted"]


def test_a_status_is_one_line_whatever_is_in_it(listener: socket.socket) -> None:
    notify_status("a\nREADY=1\n\udc80" + "x" * 1000)
    (message,) = heard(listener)
    assert b"\n" not in message
    assert len(message) < 300


def test_a_socket_without_a_file_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("")
        monkeypatch.setenv(VARIABLE, f"@{sock.getsockname()[1:].decode()}")
        notify_ready()
        assert heard(sock) == [READY]


def test_nobody_who_wants_to_know_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    notify_ready()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    notify_ready()


def test_one_who_has_stopped_reading_does_not_hold_up_a_master_that_restarts(listener: socket.socket) -> None:
    for _ in range(1000):
        notify_ready()


def test_the_watchdog_is_only_for_the_process_that_is_watched() -> None:
    assert watchdog_seconds({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 7) == 30
    assert watchdog_seconds({"WATCHDOG_USEC": "30000000"}, 7) == 30
    assert watchdog_seconds({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, 7) is None
    for text in ("", "0", "-1", "x", "²"):
        assert watchdog_seconds({"WATCHDOG_USEC": text}, 7) is None


@in_virtual_time
async def test_the_loop_says_twice_in_the_time_of_the_watchdog_that_it_turns(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    alive = asyncio.create_task(stay_alive())
    await asyncio.sleep(44)
    alive.cancel()
    assert heard(listener) == [ALIVE, ALIVE, ALIVE]


async def test_without_a_watchdog_nothing_is_said(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    await stay_alive()
    assert heard(listener) == []
