"""A head-end of several processes over one PostgreSQL, behind a real HAProxy; everything is a process that a test can kill."""

import asyncio
import json
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
from cryptography.hazmat.primitives.asymmetric import ec

from mbusheadend.authority import Authority
from mbusheadend.state import authority_of
from mbusheadend.store.postgres.store import PostgresStore
from mbusio.certificates import Pair, pem_of
from support.needs import PROJECT, program
from support.ports import free_ports
from support.postgres import Postgres
from support.system import END_SECONDS

SECONDS: Final = 60.0
PAUSE: Final = 0.1
NAMES: Final = ("one", "two")
PASSWORD: Final = "a long passphrase"
_CONFIG: Final = PROJECT / "packaging/headend/haproxy.cfg"


@dataclass
class Several:
    """What a test may use.

    :ivar port: where masters call the balancer; `web` where people do.
    :ivar ports: the same of each process.
    """

    folder: Path
    postgres: Postgres
    database: str
    port: int
    web: int
    ports: Mapping[str, tuple[int, int]]
    more: str = ""
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    balancer: subprocess.Popen[bytes] | None = None
    offers: dict[str, dict[str, str]] = field(default_factory=dict)

    def url_of_store(self, name: str = "test") -> str:
        return f"{self.database}&application_name={name}"

    def state(self, name: str) -> Path:
        return self.folder / name

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    @property
    def authority(self) -> Authority:
        return authority_of(self.state(NAMES[0]))

    def command(self, name: str, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command as on the machine of a process."""
        finished = subprocess.run(
            [sys.executable, "-m", "mbusheadend", *arguments, *self._places(name)],
            capture_output=True, text=True, timeout=60, check=False, input=typed, env=_environment(),
        )  # fmt: skip
        assert finished.returncode == 0, finished.stderr
        return finished

    def prepare(self) -> None:
        """Bring the keys of the first process to the others."""
        sealed = str(self.folder / "keys.sealed")
        self.command(NAMES[0], "authority", "export", sealed)
        for name in NAMES[1:]:
            self.command(name, "authority", "import", sealed)

    def start(self, *names: str) -> None:
        """Start processes; back when they are ready."""
        for name in names or NAMES:
            port, web = self.ports[name]
            places = ("--listen", f"127.0.0.1:{port}", "--web-listen", f"127.0.0.1:{web}")
            with (self.folder / f"{name}.log").open("a") as log:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-m", "mbusheadend", "serve", "--json", *places, *self._places(name)],
                    stdout=subprocess.PIPE, stderr=log, text=True, env=_environment(),
                )  # fmt: skip
        for name in names or NAMES:
            stdout = self.processes[name].stdout
            assert stdout is not None
            line = stdout.readline()
            assert line, self.log(name)
            self.offers[name] = json.loads(line)

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End a process, by default as a power cut would."""
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(END_SECONDS)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def start_balancer(self) -> None:
        environment = {
            **os.environ,
            "MASTERS": f"127.0.0.1:{self.port}",
            "PAGES": f"127.0.0.1:{self.web}",
        }
        for number, name in enumerate(NAMES, 1):
            port, web = self.ports[name]
            own = {"": "127.0.0.1", "_PORT": str(port), "_WEB": str(web)}
            environment |= {f"HEADEND_{number}{part}": value for part, value in own.items()}
        config = self.folder / "haproxy.cfg"
        # Counts of connections, for tests only.
        config.write_text(
            _CONFIG.read_text().replace(
                "global\n", f"global\n    stats socket {self.folder}/stats level user\n"
            )
        )
        self.balancer = subprocess.Popen(
            [program("haproxy", "haproxy"), "-f", str(config), "-db"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        for name in tuple(self.processes):
            self.kill(name, signal.SIGTERM)
        if self.balancer is not None:
            self.balancer.kill()
            self.balancer.wait()

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=pem_of(self.authority.certificate).decode())

    def store(self) -> PostgresStore:
        return PostgresStore(self.url_of_store())

    async def take_in(self, serial: str) -> ssl.SSLContext:
        """Take a master in; give what it shows."""
        store, now = self.store(), datetime.now(UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            await store.add_token(serial.encode(), now + timedelta(1), "", now)
            assert await store.use_token(serial.encode(), serial, now)
            certificate = self.authority.sign(key.public_key(), serial, now, 1)
            await store.add_certificate(
                serial, certificate.serial_number, certificate.not_valid_after_utc, now
            )
        finally:
            store.close()
        file = self.folder / f"{serial}.pem"
        file.write_bytes(Pair(certificate, key).to_pem())
        context = self.context()
        context.load_cert_chain(file)
        return context

    def who_leads(self) -> str:
        """Say which process has the lease of the background; empty for none."""
        with psycopg.connect(self.url_of_store()) as raw:
            row = raw.execute(
                "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE locktype = 'advisory' AND (classid::bigint << 32 | objid::bigint) = hashtextextended(%s, 0)",
                ("mbus lease 1 background",),
            ).fetchone()
        return "" if row is None else str(row[0])

    def _places(self, name: str) -> list[str]:
        config = self.folder / f"{name}.toml"
        config.write_text(f'store = "{self.url_of_store(name)}"\n{self.more}')
        named = ["--name", "127.0.0.1"] if name in self.ports else []
        return ["--state", str(self.state(name)), "--config", str(config), *named][:4]


class Browser(httpx.AsyncClient):
    """Keeps cookies and the token of forms, and begins a new connection for each request."""

    def __init__(self, there: Several, port: int = 0) -> None:
        super().__init__(
            verify=there.context(),
            base_url=f"https://127.0.0.1:{port or there.web}",
            limits=httpx.Limits(max_keepalive_connections=0),
            timeout=30,
        )
        self.csrf = ""

    async def show(self, path: str) -> httpx.Response:
        return self._keep(await self.get(path, follow_redirects=True))

    async def submit(self, path: str, **values: str) -> httpx.Response:
        return self._keep(await self.post(path, data={"csrf": self.csrf, **values}, follow_redirects=True))

    async def log_in(self, name: str = "anna") -> httpx.Response:
        await self.show("/login")
        return await self.submit("/login", name=name, password=PASSWORD)

    def _keep(self, answer: httpx.Response) -> httpx.Response:
        found = re.search(r'name="csrf" value="([^"]+)"|X-CSRF-Token": "([^"]+)"', answer.text)
        if found:
            self.csrf = found[1] or found[2]
        return answer


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something in other processes, which give no event."""
    async with asyncio.timeout(SECONDS):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(PAUSE)


def _environment() -> dict[str, Any]:
    return {**os.environ, "MBUSHEADEND_PASSPHRASE": "only for this test, long"}


@contextmanager
def several(folder: Path, postgres: Postgres, *, more: str = "") -> Iterator[Several]:
    """Prepare everything, start nothing; end it all at the end."""
    found = free_ports(2 + 2 * len(NAMES))
    ports = {name: (found[2 + 2 * i], found[3 + 2 * i]) for i, name in enumerate(NAMES)}
    this = Several(folder, postgres, postgres.database(), found[0], found[1], ports, more)
    try:
        this.prepare()
        yield this
    finally:
        this.stop()
