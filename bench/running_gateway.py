"""The real gateway as a process of its own, with a simulated bus behind it, as a browser and reading programs meet it."""

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from mbusio.notify import VARIABLE
from mbusmaster.channels.trust import Trust
from mbusmaster.hosting.credentials import FOLDER
from mbusmaster.hosting.enrolment import enrol
from mbusmaster.meterlist import MeterList
from mbusmaster.settings import Settings, Store
from mbusmaster.users import RULES
from mbusmaster.web.product import PRODUCT
from mbusweb.access import add_user_offline
from support.headend_process import head_end_process
from support.system import END_SECONDS, running

METERS: Final = 250
HOST: Final = "127.0.0.1"
USER: Final = "bench"
PASSWORD: Final = "nobody else uses this bench"
FORM: Final = "application/x-www-form-urlencoded"
BUNDLE: Final = "bench.pem"
AUTHORITY: Final = "authority.pem"
SERIAL: Final = "BENCH-1"
FAST_BAUD: Final = 2400
READY_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 20.0
_CSRF: Final = re.compile(r'name="csrf" value="([^"]+)"')
_COOKIE: Final = re.compile(r"([^=;]+)=([^;]*)")
_LINK: Final = re.compile(r'href="(/[a-z/-]*)"')


@dataclass(frozen=True)
class Gateway:
    """A gateway that has said that it is ready.

    :ivar startup: seconds that took, with the start of Python.
    """

    pid: int
    ports: dict[str, int]
    startup: float
    folder: Path

    @property
    def resident(self) -> float:
        """Resident memory now, in MB."""
        return _status_line(self.pid, "VmRSS") * 1024 / 1e6

    @contextmanager
    def plain_client(self) -> Iterator[socket.socket]:
        """Be connected to the plain channel."""
        with socket.create_connection((HOST, self.ports["plain_tcp"]), ANSWER_SECONDS) as sock:
            yield sock

    @contextmanager
    def secured_client(self) -> Iterator[ssl.SSLSocket]:
        """Be connected to the secured channel."""
        context = ssl.create_default_context(cafile=str(self.folder / AUTHORITY))
        context.load_cert_chain(self.folder / BUNDLE)
        sock = socket.create_connection((HOST, self.ports["secured_tcp"]), ANSWER_SECONDS)
        with closing(context.wrap_socket(sock, server_hostname=HOST)) as secured:
            yield secured

    @property
    def cpu_seconds(self) -> float:
        """Processor time so far, of all threads; the scheduler counts nanoseconds."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


@dataclass(frozen=True, slots=True)
class Site:
    """What is around a gateway.

    :ivar baud: rate of the bus, whose characters then take their time; None for one where they take none.
    :ivar hosted: whether it is enrolled at a head-end, which has all meters read each minute.
    """

    meters: int = METERS
    baud: int | None = None
    hosted: bool = False

    @property
    def rate(self) -> int:
        """The rate that the gateway has for it, in baud."""
        return self.baud or FAST_BAUD


class Browser:
    """A browser without a face: one connection that is kept, cookies, and the token of the forms."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)
        self._cookies: dict[str, str] = {}
        self._token = ""

    def speak(self, language: str) -> None:
        """Have pages in another language from now on."""
        self._cookies[PRODUCT.preferences_cookie] = f"language={language}"

    def show(self, path: str) -> str:
        """Give a page; fail where there is none."""
        return self._ask("GET", path)

    def log_in(self, user: str = USER, password: str = PASSWORD) -> None:
        self.show("/login")
        form = urlencode({"csrf": self._token, "name": user, "password": password})
        self._ask("POST", "/login", form)
        self.show("/status")

    def call(self, method: str, path: str, given: object = None) -> Any:
        """Call the API; give what it answers."""
        return json.loads(self._ask(method, f"/api/v1{path}", json.dumps(given), "application/json"))

    def paths(self) -> list[str]:
        """Give what the menu leads to."""
        return list(dict.fromkeys(_LINK.findall(self.show("/status"))))

    @contextmanager
    def live(self) -> Iterator[http.client.HTTPResponse]:
        """Have the status page open as a browser has it: with a connection on which its changes come."""
        connection = http.client.HTTPConnection(HOST, self._connection.port, timeout=ANSWER_SECONDS)
        with closing(connection):
            connection.request("GET", "/status/events", headers=self._headers())
            yield connection.getresponse()

    def close(self) -> None:
        self._connection.close()

    def _headers(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}

    def _ask(self, method: str, path: str, body: str | None = None, kind: str = FORM) -> str:
        headers = self._headers()
        if method != "GET":
            headers |= {
                "Content-Type": kind,
                "Origin": f"http://{HOST}:{self._connection.port}",
                "X-CSRF-Token": self._token,
            }
        self._connection.request(method, path, None if method == "GET" else body, headers)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        assert answer.status < 400, f"{method} {path}: {answer.status}"
        for cookie in answer.headers.get_all("set-cookie") or ():
            if found := _COOKIE.match(cookie):
                self._cookies[found[1]] = found[2]
        if found := _CSRF.search(text):
            self._token = found[1]
        return text


@contextmanager
def simulated_bus(folder: Path, site: Site) -> Iterator[dict[str, Any]]:
    """Simulate meters; give what the simulator says of itself."""
    pace = ("--speed", "fast") if site.baud is None else ("--baud", str(site.baud))
    options: list[str | Path] = [
        *("--meters", str(site.meters), "--pty", folder / "bus", "--control", f"{HOST}:0"),
        *pace,
    ]
    with running("mbussim", "serve", *options) as simulator:
        yield simulator.offers


@contextmanager
def gateway(folder: Path, bus: str, site: Site) -> Iterator[Gateway]:
    """Run a gateway until the block ends."""
    names = ("web", "plain_tcp", "secured_tcp", "rfc2217")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    config = _settings(folder, bus, site, ports)
    with ExitStack() as stack:
        notified = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        (folder / "notify").unlink(missing_ok=True)
        notified.bind(str(folder / "notify"))
        notified.settimeout(READY_SECONDS)
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "mbusmaster", "run", "--config", str(config)],
            env=_environment(folder),
        )
        stack.callback(_end, process)
        notified.recv(100)
        yield Gateway(process.pid, ports, time.monotonic() - started, folder)


def prepare(folder: Path, meters: Sequence[str], baud: int) -> None:
    """Do what a person did before: make a user, trust a client, fill the meter list.

    :param meters: secondary addresses.
    """
    state = folder / "state"
    state.mkdir()
    add_user_offline(state, USER, PASSWORD, RULES)
    trust = Trust(state / "trust")
    try:
        (folder / BUNDLE).write_bytes(trust.issue(USER, None).pem())
        (folder / AUTHORITY).write_bytes(trust.authority_pem())
    finally:
        trust.close()
    listed = MeterList(state / "meters.db", clock=lambda: datetime.now(UTC))
    lines = [f"{meter},{baud},2026-01-02T03:04:05Z,answers" for meter in meters]
    try:
        report = listed.import_csv(
            "\n".join(("secondary_address,baud_rate,last_seen,status", *lines)).encode(), bus="bench"
        )
        assert report.taken, report.problems
    finally:
        listed.close()


@contextmanager
def scene(site: Site, first_seconds: float) -> Iterator[Gateway]:
    """Run bus and gateway, with all prepared.

    :param first_seconds: for which the gateway runs once before, where it does.
    """
    with tempfile.TemporaryDirectory(prefix="mbusmaster-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        bus = stack.enter_context(simulated_bus(folder, site))
        prepare(folder, [meter["secondary"] for meter in bus["meters"]], site.rate)
        if site.hosted:
            stack.enter_context(_hosted(folder))
        if first_seconds:
            with gateway(folder, bus["pty"], site):
                time.sleep(first_seconds)
        yield stack.enter_context(gateway(folder, bus["pty"], site))


@contextmanager
def _hosted(folder: Path) -> Iterator[None]:
    """Enrol the master at a head-end that runs until the block ends."""
    with head_end_process(folder) as head_end:
        head_end.run("schedule", "add", "minute", "--every", "1", "--everybody")
        enrol(head_end.url, head_end.token(), SERIAL, folder / "state" / FOLDER)
        yield


def free_ports(count: int) -> list[int]:
    """Give ports of loopback that nobody has."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind((HOST, 0))
        return [sock.getsockname()[1] for sock in sockets]


def _environment(folder: Path) -> dict[str, str]:
    """As on a device: compiled modules are kept."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {VARIABLE: str(folder / "notify")}


def _settings(folder: Path, bus: str, site: Site, ports: dict[str, int]) -> Path:
    def listening(name: str) -> dict[str, object]:
        return {"enabled": True, "port": ports[name], "bind": [HOST]}

    settings = Settings.model_validate(
        {
            "state_folder": str(folder / "state"),
            "device": {"serial_number": SERIAL},
            "buses": [{"name": "bench", "url": f"serial://{bus}", "default_baud": site.rate}],
            "hosting": {"enabled": site.hosted},
            "channels": {
                **{name: listening(name) for name in ("secured_tcp", "plain_tcp", "rfc2217")},
                "serial_port": {"link": str(folder / "serial")},
                "discovery": False,
            },
            "web": {"setup_interface": "lo", "setup_address": HOST, "port": ports["web"]},
            "panel": {"virtual_button": True, "led_folder": str(folder / "leds")},
            "log": {"level": "warning"},
        }
    )
    path = folder / "mbusmaster.toml"
    Store(path).save(settings)
    return path


def _status_line(pid: int, name: str) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:"))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    finally:
        process.kill()
        process.wait()
