"""The command, as people run it: a head-end that serves, and beside it commands over the same folder."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mbushosting.contact import CONTACT
from mbusmaster import administration
from mbusmaster.hosting.link import HeadEndRefusedError
from mbusmaster.settings.sections.system import HostingSettings
from support.headend import call
from support.needs import program

COMMAND = [sys.executable, "-m", "mbusheadend"]

pytestmark = pytest.mark.process


def run(*arguments: str, state: Path) -> subprocess.CompletedProcess[str]:
    config = state.parent / "none.toml"
    config.touch()
    command = [*COMMAND, arguments[0], "--state", str(state), "--config", str(config), *arguments[1:]]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def told(*arguments: str, state: Path) -> Any:
    finished = run(*arguments, "--json", state=state)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


@dataclass(frozen=True, slots=True)
class Serving:
    state: Path
    url: str
    process: subprocess.Popen[str]


@contextmanager
def serving(folder: Path) -> Iterator[Serving]:
    state = folder / "head-end"
    config = folder / "none.toml"
    config.touch()
    command = [*COMMAND, "serve", "--state", str(state), "--config", str(config), "--json"]
    command += ["--listen", "127.0.0.1:0", "--web-listen", "127.0.0.1:0", "--name", "127.0.0.1"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, (folder / "log").read_text()
            yield Serving(state, json.loads(line)["hosting"], process)
        finally:
            process.terminate()
            process.wait(20)


def curl(folder: Path, serial: str, url: str) -> tuple[int, Any]:
    """Call as a master with a client of others."""
    identity = next((folder / serial / "hosting").glob("identity-*.pem"))
    known = json.loads((folder / serial / "hosting" / "head-end.json").read_text())
    (folder / "ca.pem").write_text(known["authority"])
    (folder / "body").write_text(call(serial).model_dump_json())
    finished = subprocess.run(
        [program("curl", "curl"), "-s", "--cacert", str(folder / "ca.pem"), "--cert", str(identity), "--tlsv1.3",
         "--data-binary", f"@{folder / 'body'}", "-w", "\n%{http_code}", f"{url}{CONTACT}?wait=0"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    answer, _, status = finished.stdout.rpartition("\n")
    return int(status), json.loads(answer)


def test_a_master_is_enrolled_calls_and_is_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(tmp_path) as here:
        token = told("token", "--note", "cellar", "--days", "1", state=here.state)["token"]
        (tmp_path / "M1").mkdir()
        administration.enrol(tmp_path / "M1", here.url, token, "M1", HostingSettings())
        assert f"this master, M1, is enrolled at {here.url}" in capsys.readouterr().out
        status, orders = curl(tmp_path, "M1", here.url)
        assert (status, "version" in orders) == (200, True)
        (master,) = told("masters", state=here.state)
        assert (master["serial"], master["software"]) == ("M1", "1")
        assert master["certificate_until"] is not None
        revoked = run("revoke", "M1", state=here.state)
        assert revoked.stdout == "master M1 is trusted no more\n"
        status, refusal = curl(tmp_path, "M1", here.url)
        assert (status, refusal["code"]) == (403, "revoked")
        with pytest.raises(HeadEndRefusedError, match="used already"):
            administration.enrol(tmp_path / "M1", here.url, token, "M1", HostingSettings())
        assert "revoked" in run("masters", state=here.state).stdout
        here.process.send_signal(signal.SIGTERM)
        assert here.process.wait(20) == 0
    assert token not in (tmp_path / "log").read_text()


def test_a_token_made_before_the_first_start_is_good(tmp_path: Path) -> None:
    word = told("token", state=tmp_path / "head-end")["token"]
    with serving(tmp_path) as here:
        (tmp_path / "M1").mkdir()
        administration.enrol(tmp_path / "M1", here.url, word, "M1", HostingSettings())
        assert curl(tmp_path, "M1", here.url)[0] == 200


def test_whoever_has_read_enough_of_a_command_may_go(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    config = tmp_path / "none.toml"
    config.touch()
    command = [*COMMAND, "token", "--state", str(tmp_path / "state"), "--config", str(config)]
    try:
        finished = subprocess.run(
            command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    finally:
        os.close(writer)
    assert (finished.returncode, finished.stderr) == (1, "")


def test_a_restart_changes_nothing_for_masters(tmp_path: Path) -> None:
    with serving(tmp_path) as here:
        word = told("token", state=here.state)["token"]
        (tmp_path / "M1").mkdir()
        administration.enrol(tmp_path / "M1", here.url, word, "M1", HostingSettings())
        here.process.kill()
    with serving(tmp_path) as here:
        assert curl(tmp_path, "M1", here.url)[0] == 200


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("revoke", "M9"), 1, "M9"),
        (("token", "--days", "0"), 2, "1 to 365 days"),
        (("serve", "--listen", "nowhere"), 1, "listen"),
        (("serve", "--listen", "203.0.113.7:0"), 1, "no such address"),
        (("serve", "--listen", "127.0.0.1:0", "--web-listen", "http://0.0.0.0:0"), 1, "without TLS"),
        (("serve", "--listen", "127.0.0.1:0", "--web-listen", "203.0.113.7:0"), 1, "no such address"),
        ((), 2, "required"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    arguments: tuple[str, ...], status: int, said: str, tmp_path: Path
) -> None:
    if arguments:
        finished = run(*arguments, state=tmp_path / "head-end")
    else:
        finished = subprocess.run(COMMAND, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == status
    assert said in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_settings_file_is_read_and_what_is_wrong_in_it_is_named(tmp_path: Path) -> None:
    config = tmp_path / "head-end.toml"
    command = [*COMMAND, "token", "--json", "--config", str(config)]
    config.write_text(f'version = 1\nstate_folder = "{tmp_path}/state"\nnames = ["readings.example"]\n')
    good = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(good.stdout)["url"] == "https://readings.example:8443"
    for wrong, said in (("listen = 5", "listen"), ("colour = 1", "colour"), ("x", "damaged")):
        config.write_text(wrong)
        bad = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert bad.returncode == 1
        assert said in bad.stderr
    config.unlink()
    assert "there is no settings file" in subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False
    ).stderr  # fmt: skip


def test_a_damaged_authority_is_not_made_anew(tmp_path: Path) -> None:
    state = tmp_path / "head-end"
    told("token", state=state)
    path = state / "authority" / "authority.pem"
    assert os.stat(path).st_mode & 0o777 == 0o600
    path.write_bytes(path.read_bytes()[:200])
    finished = run("token", state=state)
    assert finished.returncode == 1
    assert "is damaged" in finished.stderr
