"""What the demo tells a person to type can be typed."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mbusmaster.demo import Scene, _announce, _Places

URL = "tcp://127.0.0.1:2445"


def commands(capsys: pytest.CaptureFixture[str]) -> list[str]:
    meters = [{"primary": 1, "secondary": "852467982D2C3504", "model": "heat"}]
    ports = {"web": 8080, "plain_tcp": 2445, "secured_tcp": 1445, "rfc2217": 2217}
    places = _Places(Path("demo"), ports, "secret")
    _announce(Scene(1, None, 2400, False, False), {"meters": meters, "control": "127.0.0.1:1"}, places)
    return [line.strip() for line in capsys.readouterr().out.splitlines() if URL in line]


def test_a_command_on_the_path_has_its_plain_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mbus").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commands(capsys) == [f"mbus scan {URL}", f"mbus read {URL} 852467982D2C3504"]


def test_a_command_that_is_not_on_the_path_has_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    beside = tmp_path / "with a space" / "mbus"
    beside.parent.mkdir()
    beside.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(beside.with_name("python")))
    assert shlex.split(commands(capsys)[0]) == [str(beside), "scan", URL]


@pytest.mark.process
def test_without_the_command_the_interpreter_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(python))
    typed = shlex.split(commands(capsys)[0])[:-2]
    assert typed == [str(python), "-m", "mbusio.cli"]
    monkeypatch.undo()
    assert (
        subprocess.run([sys.executable, *typed[1:], "--help"], capture_output=True, check=False).returncode
        == 0
    )
