"""``mbusmaster`` as a user starts it."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import httpx
import pytest

from mbusmaster import __main__ as module
from mbusmaster import app
from mbusmaster.__main__ import main
from mbusmaster.system import logs
from mbusmaster.system.restart import ExitReason
from support.system import running


def test_a_settings_file_that_cannot_be_used_ends_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "mbusmaster.toml"
    config.write_text("version = 2\nspeed = 3\n")
    assert main(["run", "--config", str(config)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "speed: no such setting" in error


def test_a_settings_file_that_was_named_and_does_not_exist_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "nofile.toml")
    assert main(["run", "--config", missing]) == 1
    monkeypatch.setenv("MBUSMASTER_CONFIG", missing)
    assert main(["run"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert set(lines) == {
        f"mbusmaster: there is no settings file {missing}; write it, or name another one with --config"
    }


def test_without_the_default_settings_file_the_log_says_that_the_defaults_are_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("MBUSMASTER_CONFIG", raising=False)
    monkeypatch.setattr(module, "DEFAULT_CONFIG", tmp_path / "mbusmaster.toml")
    monkeypatch.setattr(app, "serve", lambda *parts: ExitReason.STOPPED)

    def start_logging(level: str) -> logs.Logs:
        caplog.set_level(level.upper())
        return logs.Logs()

    monkeypatch.setattr(logs, "start_logging", start_logging)
    assert main(["run", "--state", str(tmp_path / "state")]) == 0
    assert "the defaults are in force" in caplog.text


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sing"],
        ["demo", "--meters", "251"],
        ["demo", "--meters", "-1"],
        ["demo", "--meters", "x"],
        ["demo", "--baud", "1200"],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.process
def test_run_takes_config_and_state_from_the_environment_and_ends_on_sigterm(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    config = tmp_path / "mbusmaster.toml"
    config.write_text(
        f'version = 2\n[[buses]]\nurl = "{tmp_path}/no-such-device"\n'
        f'[channels.plain_tcp]\nenabled = true\nport = {port}\nbind = ["127.0.0.1"]\n'
    )
    environment = os.environ | {"MBUSMASTER_CONFIG": str(config), "MBUSMASTER_STATE": str(tmp_path / "state")}
    process = subprocess.Popen(
        [sys.executable, "-m", "mbusmaster", "run"], env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "no level converter" in line:
                break
        # Without a converter the channel answers nothing, and stays.
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(bytes.fromhex("1040014116"))
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(1)
    finally:
        process.terminate()
        rest = process.communicate(timeout=20)[1]
    assert process.returncode == 0
    assert "stopped" in rest
    assert (tmp_path / "state").is_dir()


@pytest.mark.process
def test_the_demo_is_ready_serves_and_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with running(
        "mbusmaster", "demo", "--json", "--speed", "fast", "--meters", "3", env=environment
    ) as started:
        offers = started.offers
        assert sorted(offers) == [
            "head_end", "head_end_web",
            "password", "rfc2217", "serial", "simulator_control", "tcp", "tls", "tls_ca", "tls_cert", "tls_key", "user", "web",
        ]  # fmt: skip
        for channel in ("tcp", "tls", "serial", "rfc2217"):
            read = subprocess.run(
                [sys.executable, "-m", "mbusio.cli", "read", offers[channel], "1", "--json"],
                capture_output=True,
                timeout=60,
                check=True,
            )
            assert json.loads(read.stdout)["primary"] == 1
        with urllib.request.urlopen(offers["web"], timeout=10) as page:
            assert b"<title>" in page.read()
        started.process.send_signal(signal.SIGINT)
        assert started.process.wait(timeout=20) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.process
def test_when_a_part_of_the_demo_dies_the_demo_says_which_and_ends_with_1(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "mbusmaster", "demo", "--json", "--meters", "1"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        _, error = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "the simulator ended with status -9" in error
    assert list(tmp_path.iterdir()) == []
    for child in children:
        deadline = time.monotonic() + 5
        while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path(f"/proc/{child}").exists()


@pytest.mark.process
def test_when_the_demo_is_killed_its_parts_end_too(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with running("mbusmaster", "demo", "--json", "--meters", "1", env=environment) as started:
        pid = started.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ended = [os.pidfd_open(int(child)) for child in children]
        started.process.kill()
        assert len(ended) == 3
        for child in ended:
            assert select.select([child], [], [], 20)[0] == [child]
            os.close(child)


@pytest.mark.process
def test_a_restart_from_within_keeps_the_process_and_comes_up_again(tmp_path: Path) -> None:
    config = tmp_path / "mbusmaster.toml"
    config.write_text(
        f'version = 3\nstate_folder = "{tmp_path}/state"\n[web]\nsetup_interface = "none0"\nport = 0\n'
        f'[[buses]]\nurl = "{tmp_path}/no-such-device"\n'
        f"[channels]\ndiscovery = false\nsecured_tcp = {{enabled = false}}\nserial_port = {{enabled = false}}\n"
    )
    command = [sys.executable, "-m", "mbusmaster"]
    subprocess.run(
        [*command, "add-user", "anna", "--config", config], input="a long passphrase\n", text=True, check=True
    )
    process = subprocess.Popen([*command, "run", "--config", str(config)], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        url = next(line.split()[-1] for line in process.stderr if "the web pages are at" in line)
        with httpx.Client(base_url=url.rstrip("/,"), follow_redirects=True) as browser:
            for shown, target, form in (
                ("/login", "/login", {"name": "anna", "password": "a long passphrase"}),
                ("/configuration/restart", "/configuration/restart/now", {}),
            ):
                token = re.search(r'name="csrf" value="([^"]+)"', browser.get(shown).text)
                assert token is not None
                answer = browser.post(target, data={"csrf": token[1], **form})
                assert answer.is_success, answer.text
        assert any("the web pages are at" in line for line in process.stderr), "it comes up again"
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


@pytest.mark.process
def test_clients_of_the_secured_channel_are_issued_listed_and_revoked_from_the_command_line(
    tmp_path: Path,
) -> None:
    def mbusmaster(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mbusmaster", *arguments, "--state", str(tmp_path / "state")]
        return subprocess.run(
            command, input="a long passphrase\n", capture_output=True, text=True, check=False
        )

    target = tmp_path / "reader.pem"
    assert mbusmaster("client", "add", "reader", "--output", str(target)).returncode == 0
    assert "ENCRYPTED PRIVATE KEY" in target.read_text()
    assert target.stat().st_mode & 0o777 == 0o600
    again = mbusmaster("client", "add", "reader", "--output", str(tmp_path / "again.pem"))
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert not (tmp_path / "again.pem").exists()
    assert mbusmaster("client", "revoke", "reader").returncode == 0
    (client,) = json.loads(mbusmaster("client", "list", "--json").stdout)
    assert client["name"] == "reader"
    assert client["revoked"]
