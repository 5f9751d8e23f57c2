"""A simulated bus and the gateway in front of it, as processes that a test can disturb, end and start again."""

import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from mbusio.notify import READY, VARIABLE
from mbusmaster.channels.trust import Trust
from mbusmaster.meterlist import MeterList
from mbusmaster.settings import Settings, Store
from mbusmaster.users import RULES
from mbusweb.access import add_user_offline
from support.ports import free_ports
from support.system import END_SECONDS, running

CHANNELS = ("secured_tcp", "plain_tcp", "rfc2217")
READY_SECONDS = 30.0
SERIAL = "TEST-1"
USER, PASSWORD = "anna", "a long passphrase"


@dataclass
class Site:
    """What a test may use.

    :ivar offers: what the simulator said: meters, control socket.
    :ivar client: who the secured channel trusts; its bundle is ``client.pem``.
    """

    folder: Path
    ports: dict[str, int]
    offers: dict[str, Any]
    client: str = "reader"
    serial: str = SERIAL
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def urls(self) -> dict[str, str]:
        """Where programs reach the bus, by channel."""
        here = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        return {
            "tcp": f"tcp://{here['plain_tcp']}",
            "tls": f"tls://{here['secured_tcp']}?ca={self.folder}/ca.pem&cert={self.folder}/client.pem",
            "rfc2217": f"rfc2217://{here['rfc2217']}",
            "serial": str(self.folder / "serial"),
        }

    @property
    def log(self) -> str:
        """All that the gateway has logged."""
        return (self.folder / "gateway.log").read_text()

    def start(self) -> None:
        """Start the gateway; back when it is ready."""
        place = self.folder / "notify"
        place.unlink(missing_ok=True)
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
            (self.folder / "gateway.log").open("a") as log,
        ):
            notified.bind(str(place))
            notified.settimeout(READY_SECONDS)
            command = [
                sys.executable,
                "-m",
                "mbusmaster",
                "run",
                "--config",
                str(self.folder / "master.toml"),
            ]
            self.process = subprocess.Popen(command, stderr=log, env={**os.environ, VARIABLE: str(place)})
            try:
                assert notified.recv(64).startswith(READY)
            except TimeoutError:
                self.stop()
                raise AssertionError(f"the gateway was not ready:\n{self.log}") from None

    def kill(self) -> None:
        """End the gateway as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def enrol(self, url: str, token: str) -> str:
        """Let a head-end take the gateway in by command; give what it says."""
        command = [sys.executable, "-m", "mbusmaster", "enrol", url, token]
        command += ["--config", str(self.folder / "master.toml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self) -> None:
        """End the gateway."""
        if self.process is not None:
            self.process.terminate()
            try:
                assert self.process.wait(END_SECONDS) == 0, self.log
            finally:
                self.process.kill()
                self.process.wait()
                self.process = None

    async def simulator(self, **request: Any) -> dict[str, Any]:
        """Ask the simulator's control socket."""
        host, _, port = str(self.offers["control"]).rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(json.dumps(request).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await reader.readline())
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        assert answer["ok"], answer
        return answer

    def mbus(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of our commands to its end."""
        command = [sys.executable, "-m", "mbusio.cli", *arguments]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )

    @contextmanager
    def browser(self) -> Iterator[httpx.Client]:
        """Give a client of the pages that is logged in."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.ports['web']}", follow_redirects=True) as browser:
            token = re.search(r'name="csrf" value="([^"]+)"', browser.get("/login").text)
            assert token is not None
            form = {"csrf": token[1], "name": USER, "password": PASSWORD}
            assert browser.post("/login", data=form).status_code == 200
            yield browser


@contextmanager
def site(
    folder: Path,
    *,
    meters: int = 8,
    trusted: bool = True,
    hosting: dict[str, Any] | None = None,
    serial: str = SERIAL,
    **bus: Any,
) -> Iterator[Site]:
    """Run both until the block ends, with a user made, and a client that is trusted if `trusted`.

    :param hosting: settings of hosted reading, whose meters are listed then; :param bus: those of the bus.
    """
    link = folder / "bus"
    arguments = ["--meters", str(meters), "--pty", str(link), "--control", "127.0.0.1:0", "--speed", "fast"]
    with running("mbussim", "serve", *arguments) as simulator:
        this = Site(
            folder,
            dict(zip(("web", *CHANNELS), free_ports(1 + len(CHANNELS)), strict=True)),
            simulator.offers,
            serial=serial,
        )
        Store(folder / "master.toml").save(_settings(this, link, bus, hosting or {}))
        this.state.mkdir()
        add_user_offline(this.state, USER, PASSWORD, RULES)
        if trusted:
            _trust(this)
        if hosting:
            list_meters(this.state, this.offers["meters"])
        try:
            this.start()
            yield this
        finally:
            this.stop()


def _settings(this: Site, link: Path, bus: dict[str, Any], hosting: dict[str, Any]) -> Settings:
    channels = {name: {"enabled": True, "port": this.ports[name], "bind": ["127.0.0.1"]} for name in CHANNELS}
    return Settings.model_validate(
        {
            "state_folder": str(this.state),
            "buses": [{"name": "main", "url": str(link), **bus}],
            "channels": {
                **channels,
                "serial_port": {"link": str(this.folder / "serial")},
                "discovery": False,
            },
            "web": {"setup_interface": "none0", "port": this.ports["web"]},
            "device": {"serial_number": this.serial},
            "hosting": hosting,
            "panel": {"led_folder": str(this.folder / "leds")},
        }
    )


def _trust(this: Site) -> None:
    trust = Trust(this.state / "trust")
    (this.folder / "client.pem").write_bytes(trust.issue(this.client, None).pem())
    (this.folder / "ca.pem").write_bytes(trust.authority_pem())
    trust.close()


def list_meters(state: Path, meters: Iterable[dict[str, Any]]) -> None:
    """Let a gateway that does not run know meters as the simulator offers them."""
    listed = MeterList(state / "meters.db", clock=lambda: datetime.now(UTC))
    rows = [f"main,{meter['secondary']},{meter['primary']}" for meter in meters]
    report = listed.import_csv(
        "\n".join(["bus,secondary_address,primary_address", *rows]).encode(), bus="main"
    )
    assert not report.problems, report
    listed.close()
