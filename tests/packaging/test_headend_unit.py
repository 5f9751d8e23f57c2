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
SEVERAL = UNIT.with_name("mbusheadend@.service")
pytestmark = pytest.mark.process


def test_it_is_exposed_little() -> None:
    command = [program("systemd-analyze", "systemd"), "security", "--offline=true", "--no-pager", str(UNIT)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"exposure level for mbusheadend.service: ([0-9.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= 3.0


def test_the_unit_of_each_of_several_processes_differs_only_in_where_its_things_are() -> None:
    one, several = (path.read_text().splitlines() for path in (UNIT, SEVERAL))
    assert [line for line in several if line not in one] == [
        "Description=M-Bus head-end, process %i",
        "ExecStart=/opt/mbusheadend/bin/mbusheadend serve --config /etc/mbusheadend/%i.toml --state /var/lib/mbusheadend/%i",
        "StateDirectory=mbusheadend/%i",
    ]
    assert len(one) == len(several)


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
