"""The unit of the head-end: hardened, and told by the head-end itself when it is ready."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mbusio.notify import READY, VARIABLE
from support.needs import PROJECT, program

UNIT = PROJECT / "packaging" / "headend" / "mbusheadend.service"
pytestmark = pytest.mark.process


def test_it_is_exposed_little() -> None:
    command = [program("systemd-analyze", "systemd"), "security", "--offline=true", "--no-pager", str(UNIT)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"exposure level for mbusheadend.service: ([0-9.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= 3.0


def test_the_service_manager_hears_when_it_is_ready_and_when_it_ends(tmp_path: Path) -> None:
    place = tmp_path / "notify"
    config = tmp_path / "none.toml"
    config.touch()
    command = [sys.executable, "-m", "mbusheadend", "serve", "--state", str(tmp_path / "state")]
    command += ["--config", str(config), "--listen", "127.0.0.1:0", "--web-listen", "127.0.0.1:0"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(place))
        notified.settimeout(30)
        environment = {**os.environ, VARIABLE: str(place)}
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                assert notified.recv(200) == READY
                assert notified.recv(200).startswith(b"STATUS=masters call https://")
            finally:
                process.terminate()
            assert notified.recv(200) == b"STOPPING=1"
            assert process.wait(30) == 0
