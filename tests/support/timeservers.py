"""Real chronyd as NTS server and as the gateway's time service, on loopback, as whoever runs the tests; no clock is touched."""

import asyncio
import contextlib
import getpass
import re
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from mbusmaster.settings.sections.system import TimeSettings
from mbusmaster.system.chronyd import Chronyd
from mbusmaster.system.clock import ClockBelief, ClockQuality, TimeState, TimeStatus
from mbusmaster.system.time_server import ChronyTime, Pace
from support.certificates import Authority, Pem
from support.needs import PROJECT, program
from support.ports import free_ports

CONFIG = PROJECT / "packaging" / "mbusmaster-time.conf"
QUICKLY = Pace(quick=0.1, idle=0.1, grace=1.2, quick_probe=1.5, probe=1.5)
OPTIONS = "iburst minpoll -4 maxpoll -2"
SECONDS = 20.0
"""For a state to come."""
Told = Callable[[TimeState], None]


def _nobody(state: TimeState) -> None:
    pass


class NtsServer:
    """An NTS server of its own, with the clock of this machine.

    :ivar key_port: TCP; `port` is UDP.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "server"
        self._folder.mkdir(mode=0o750)
        (self.key_port,), (self.port,) = free_ports(1), free_ports(1, socket.SOCK_DGRAM)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, pem: Pem, *, gives_time: bool = True, settings: str | None = None) -> None:
        """Serve with a certificate; back when it hands out keys.

        :param settings: of NTS, with the usual port and folder, in place of the shortest that serve.
        """
        nts = (
            settings
            or f"allow 127/8\nntsport 4460\nntsserverkey {pem.key}\nntsservercert {pem.certificate}\n"
        )
        nts = nts.replace("ntsport 4460", f"ntsport {self.key_port}").replace(
            "/var/lib/chrony", str(self._folder)
        )
        config = self._folder / "chrony.conf"
        elsewhere = "" if gives_time else "bindaddress 127.0.0.1\nntsntpserver 127.0.0.9\n"
        config.write_text(
            f"{nts}local stratum 3\nport {self.port}\ncmdport 0\n"
            f"{elsewhere}pidfile {self._folder}/pid\nbindcmdaddress {self._folder}/socket\n"
        )
        self._process = _chronyd(config, self._folder / "socket")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            _end(self._process)
            self._process = None


class TimeService:
    """The gateway's chronyd in a folder of its own, by the configuration of the package."""

    def __init__(self, folder: Path) -> None:
        self.run = folder / "run"
        self.machine = folder / "machine"
        self._state = folder / "state"
        self.authorities = folder / "authorities"
        for one in (self.run, self.machine, self._state):
            one.mkdir(mode=0o750)
        self._config = folder / "client.conf"
        text = CONFIG.read_text()
        places = {
            "/run/mbusmaster-time": self.run,
            "/var/lib/mbusmaster/time": self.machine,
            "/var/lib/mbusmaster-time": self._state,
            "/etc/mbusmaster/time-ca": self.authorities,
        }
        for installed, here in places.items():
            assert installed in text
            text = re.sub(rf"{installed}\b(?!\.conf)", str(here), text)
        self._config.write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def trust(self, authority: Authority) -> None:
        """Let its certificates count."""
        self.authorities.mkdir(exist_ok=True)
        (self.authorities / "own.pem").write_bytes(authority.pem.read_bytes())

    def start(self) -> None:
        """Run it; back when it listens."""
        (self.run / "chronyd.sock").unlink(missing_ok=True)
        self._process = _chronyd(self._config, self.run / "chronyd.sock")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            _end(self._process)
            self._process = None


class States:
    """Waits for states."""

    def __init__(self) -> None:
        self.last: TimeState | None = None
        self.seen: set[TimeStatus] = set()
        self._news = asyncio.Event()

    def told(self, state: TimeState) -> None:
        """Take one."""
        self.last = state
        self.seen.add(state.status)
        self._news.set()

    async def until(self, is_it: Callable[[TimeState], bool]) -> TimeState:
        """Wait for one, beginning with the next."""
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    self._news.clear()
                    await self._news.wait()
                    assert self.last is not None
                    if is_it(self.last):
                        return self.last
        except TimeoutError:
            raise AssertionError(f"still {self.last}") from None


class Watched:
    """A `ChronyTime` at work on a time service; pages take it for what looks after the clock.

    :ivar settings: in force; `choose` changes them.
    """

    def __init__(
        self, service: TimeService, server: NtsServer, settings: TimeSettings, options: str, told: Told
    ) -> None:
        self.settings = settings
        self._told = told
        self.states = States()
        self.time = ChronyTime(
            lambda: self.settings,
            Chronyd(service.run),
            authorities=service.authorities,
            options=options,
            ports=(server.key_port, server.port),
            pace=QUICKLY,
            told=self._hear,
        )

    @property
    def state(self) -> TimeState:
        return self.time.state

    @property
    def belief(self) -> ClockBelief:
        return ClockBelief(ClockQuality.SYSTEM)

    def choose(self, **changes: object) -> None:
        """Change settings as a person does, without a restart."""
        self.settings = TimeSettings.model_validate({**self.settings.model_dump(), **changes})
        self.time.stir()

    def _hear(self, state: TimeState) -> None:
        self._told(state)
        self.states.told(state)

    async def until(self, status: TimeStatus) -> TimeState:
        """Wait for a status."""
        return await self.states.until(lambda state: state.status is status)


@contextmanager
def time_servers(folder: Path) -> Iterator[tuple[NtsServer, TimeService, Authority]]:
    """Give a server, not started, a started time service that trusts an authority, and the authority."""
    server, service, authority = NtsServer(folder), TimeService(folder), Authority(folder)
    service.trust(authority)
    try:
        service.start()
        yield server, service, authority
    finally:
        server.stop()
        service.stop()


@asynccontextmanager
async def watching(
    service: TimeService,
    server: NtsServer,
    name: str = "127.0.0.1",
    options: str = OPTIONS,
    told: Told = _nobody,
) -> AsyncIterator[Watched]:
    """Run what watches a time service until the block ends."""
    watched = Watched(service, server, TimeSettings(server=name), options, told)
    running = asyncio.create_task(watched.time.run())
    try:
        yield watched
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def _chronyd(config: Path, command_socket: Path) -> subprocess.Popen[bytes]:
    command = [program("chronyd", "chrony"), "-U", "-x", "-d", "-u", getpass.getuser(), "-f", str(config)]
    with config.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for(command_socket, process)
    except BaseException as error:
        _end(process)
        raise AssertionError(config.with_suffix(".log").read_text()) from error
    return process


def _wait_for(command_socket: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until it answers: chronyd has no other way to say that it is ready."""
    for _ in range(100):
        asked = subprocess.run(
            [program("chronyc", "chrony"), "-h", str(command_socket), "tracking"],
            capture_output=True,
            check=False,
        )
        if asked.returncode == 0:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            break
    raise AssertionError("chronyd does not answer")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    finally:
        process.kill()
        process.wait()
