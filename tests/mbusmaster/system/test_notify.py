import socket
from pathlib import Path

import pytest

from mbusmaster.system.notify import READY, VARIABLE, notify_ready


def test_who_started_the_master_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        monkeypatch.setenv(VARIABLE, str(tmp_path / "notify"))
        notify_ready()
        assert listener.recv(100) == READY


def test_nobody_who_wants_to_know_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    notify_ready()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    notify_ready()


def test_one_who_has_stopped_reading_does_not_hold_up_a_master_that_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        monkeypatch.setenv(VARIABLE, str(tmp_path / "notify"))
        for _ in range(1000):
            notify_ready()
