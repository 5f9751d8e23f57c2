"""The demo: a simulated bus, the gateway in front of it, a head-end behind it; processes, as a user would start them."""

import asyncio
import contextlib
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mbusio.files import write_atomically
from mbusio.notify import READY, VARIABLE
from mbusmaster.channels.trust import Trust
from mbusmaster.hosting.credentials import FOLDER
from mbusmaster.hosting.enrolment import enrol
from mbusmaster.hosting.errors import SaidError
from mbusmaster.meterlist import MeterList
from mbusmaster.settings import BusSettings, Settings, Store
from mbusmaster.system.children import ends_with_parent, scratch_folder
from mbusmaster.users import RULES
from mbusweb.access import add_user_offline

HOST: Final = "127.0.0.1"
PORTS: Final = {
    "web": 8080,
    "plain_tcp": 2445,
    "secured_tcp": 1445,
    "rfc2217": 2217,
    "head_end": 8443,
    "head_end_web": 8081,
}
PORT_TRIES: Final = 20
USER: Final = "demo"
READY_SECONDS: Final = 60.0
END_SECONDS: Final = 5.0
FOLDER_PREFIX: Final = "mbusmaster-demo-"
SHOWN_METERS: Final = 12
SERIAL: Final = "DEMO-1"
SCHEDULE: Final = ("add", "demo", "--every", "1", "--everybody", "--title", "Every minute")


class DemoError(Exception):
    """A part of the demo did not start, or ended; says which."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the demo shows.

    :ivar replay: folder of recorded telegrams, each of which becomes a meter.
    :ivar fast: characters take no time.
    :ivar head_end: one is there, and reads all meters every minute.
    """

    meters: int
    replay: Path | None
    baud: int
    fast: bool
    as_json: bool
    head_end: bool = True


def demo(scene: Scene) -> int:
    """Run the demo until Ctrl-C or SIGTERM; return the exit status, 1 when a part of it ended by itself."""
    try:
        asyncio.run(_until_told(scene))
    except DemoError as error:
        print(f"mbusmaster demo: {error}", file=sys.stderr)
        return 1
    return 0


async def _until_told(scene: Scene) -> None:
    loop = asyncio.get_running_loop()
    playing = asyncio.create_task(_play(scene))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, playing.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await playing


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the parts of the demo are.

    :ivar ports: by the names of `PORTS`.
    """

    folder: Path
    ports: dict[str, int]
    password: str

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def serial(self) -> Path:
        return self.folder / "serial"

    @property
    def head_end(self) -> tuple[str, ...]:
        """Options of the head-end's commands."""
        return ("--state", str(self.folder / "head-end"), "--config", str(self.folder / "mbusheadend.toml"))

    def pem(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def offers(self, simulator_control: str, head_end: dict[str, Any]) -> dict[str, str]:
        ports = self.ports
        of_head_end = {"head_end": head_end.get("hosting"), "head_end_web": head_end.get("web")}
        return {
            "web": f"http://{HOST}:{ports['web']}/",
            "user": USER,
            "password": self.password,
            "tcp": f"tcp://{HOST}:{ports['plain_tcp']}",
            "tls": f"tls://{HOST}:{ports['secured_tcp']}"
            f"?ca={self.pem('ca')}&cert={self.pem('cert')}&key={self.pem('key')}",
            "tls_ca": str(self.pem("ca")),
            "tls_cert": str(self.pem("cert")),
            "tls_key": str(self.pem("key")),
            "rfc2217": f"rfc2217://{HOST}:{ports['rfc2217']}",
            "serial": str(self.serial),
            "simulator_control": simulator_control,
            **{name: url for name, url in of_head_end.items() if url},
        }


async def _play(scene: Scene) -> None:
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(scratch_folder(FOLDER_PREFIX))
        simulator = await stack.enter_async_context(_program(_simulator(scene, folder), stdout=True))
        parts = {"the simulator": simulator}
        ports = {name: _free_port(port, stack) for name, port in PORTS.items()}
        places = _Places(folder, ports, secrets.token_urlsafe(12))
        offers, token = await asyncio.gather(
            _first_line("the simulator", simulator), _token(places) if scene.head_end else _nothing()
        )
        config = _settings_file(scene, places, offers)
        _take_into_use(places)
        if scene.head_end:
            _list_meters(places, offers)
            parts["the head-end"] = head_end = await stack.enter_async_context(_head_end(places))
            offers["head_end"] = await _taken_in(places, head_end, token)
        notified = stack.enter_context(
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        )
        # A name without a file: paths of sockets are short, those of temporary folders need not be.
        notified.bind("")
        environment = {**os.environ, VARIABLE: f"@{notified.getsockname()[1:].decode()}"}
        gateway = await stack.enter_async_context(
            _program(("mbusmaster", "run", "--config", str(config)), environment=environment)
        )
        await _until_ready(gateway, notified)
        _announce(scene, offers, places)
        await _first_to_end({**parts, "the gateway": gateway})


def _simulator(scene: Scene, folder: Path) -> tuple[str, ...]:
    command = ["mbussim", "serve", "--meters", str(scene.meters), "--pty", str(folder / "bus")]
    command += ["--control", f"{HOST}:0", "--speed", "fast" if scene.fast else "real"]
    if scene.replay is not None:
        command += ["--replay", str(scene.replay)]
    if scene.baud != BusSettings().default_baud:
        command += ["--baud", str(scene.baud)]
    return tuple(command)


def _settings_file(scene: Scene, places: _Places, offers: dict[str, Any]) -> Path:
    def listening(name: str) -> dict[str, object]:
        return {"enabled": True, "port": places.ports[name], "bind": [HOST]}

    bus = {
        "name": "demo",
        "url": f"serial://{offers['pty']}",
        "default_baud": scene.baud,
        "line": {"monitor": f"tcp://{offers['control']}"},
    }
    channels = {
        **{name: listening(name) for name in ("secured_tcp", "plain_tcp", "rfc2217")},
        "serial_port": {"link": str(places.serial)},
        "discovery": False,
    }
    settings = Settings.model_validate(
        {
            "state_folder": str(places.state),
            "device": {"serial_number": SERIAL},
            "hosting": {"enabled": scene.head_end},
            "buses": [bus],
            "channels": channels,
            "web": {"setup_interface": "lo", "setup_address": HOST, "port": places.ports["web"]},
            "panel": {"virtual_button": True, "led_folder": str(places.folder / "leds")},
            "log": {"level": "warning"},
        }
    )
    path = places.folder / "mbusmaster.toml"
    Store(path).save(settings)
    return path


def _take_into_use(places: _Places) -> None:
    """Do what a person does first: make a user in the place of the default one, and a client that the master trusts."""
    places.state.mkdir(mode=0o700)
    add_user_offline(places.state, USER, places.password, RULES)
    trust = Trust(places.state / "trust")
    try:
        key, certificate, _ = _pem_blocks(trust.issue(USER, None).pem())
        for name, data in (("ca", trust.authority_pem()), ("cert", certificate), ("key", key)):
            write_atomically(places.pem(name), data)
    finally:
        trust.close()


def _list_meters(places: _Places, offers: dict[str, Any]) -> None:
    """Let the gateway know the meters, as after a scan: a head-end reads those of the list."""
    listed = MeterList(places.state / "meters.db", clock=lambda: datetime.now(UTC))
    try:
        rows = [f"{meter['secondary'] or ''},{meter['primary']}" for meter in offers["meters"]]
        listed.import_csv("\n".join(["secondary_address,primary_address", *rows]).encode(), bus="demo")
    finally:
        listed.close()


async def _token(places: _Places) -> str:
    """Give a head-end that does not run yet a user and a schedule for everybody; give a token of it."""
    (places.folder / "mbusheadend.toml").touch()
    (places.folder / "head-end").mkdir(mode=0o700)
    user = ("mbusheadend", "user", "add", USER, "--role", "admin")

    async def made() -> str:
        await _output("mbusheadend", "schedule", *SCHEDULE, *places.head_end)
        said = await _output("mbusheadend", "token", "--json", *places.head_end)
        return str(json.loads(said)["token"])

    token, _ = await asyncio.gather(made(), _output(*user, *places.head_end, given=places.password))
    return token


async def _nothing() -> str:
    return ""


@contextlib.asynccontextmanager
async def _head_end(places: _Places) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a head-end."""
    ports = places.ports
    listen = ("--listen", f"{HOST}:{ports['head_end']}", "--name", HOST)
    web = ("--web-listen", f"http://{HOST}:{ports['head_end_web']}")
    async with _program(
        ("mbusheadend", "serve", "--json", "--quiet", *listen, *web, *places.head_end), stdout=True
    ) as process:
        yield process


async def _taken_in(places: _Places, head_end: asyncio.subprocess.Process, token: str) -> dict[str, Any]:
    """Let the head-end take the gateway in; give what it offers."""
    offered = await _first_line("the head-end", head_end)
    try:
        await asyncio.to_thread(enrol, offered["hosting"], token, SERIAL, places.state / FOLDER)
    except SaidError as error:
        raise DemoError(f"the head-end does not take the gateway in: {error}") from error
    return offered


async def _output(*command: str, given: str = "") -> bytes:
    """Run one of our commands to its end; give what it says.

    :param given: a line for its input.
    """
    async with _program(command, stdin=True, stdout=True) as process:
        said, _ = await process.communicate(f"{given}\n".encode())
        if await process.wait():
            raise DemoError(f"`{' '.join(command[:2])}` ended with status {process.returncode}")
    return said


def _pem_blocks(data: bytes) -> list[bytes]:
    end = b"-----END "
    lines = data.splitlines(keepends=True)
    ends = [number + 1 for number, line in enumerate(lines) if line.startswith(end)]
    return [b"".join(lines[first:last]) for first, last in zip([0, *ends], ends, strict=False)]


@contextlib.asynccontextmanager
async def _program(
    command: Sequence[str],
    *,
    stdin: bool = False,
    stdout: bool = False,
    environment: dict[str, str] | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one of our commands until the block or this process ends; the terminal's Ctrl-C is for the demo alone."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *command,
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if stdout else asyncio.subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
        preexec_fn=ends_with_parent(),
        limit=1 << 20,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(END_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def _first_line(name: str, process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None, "its output is a pipe"
    try:
        async with asyncio.timeout(READY_SECONDS):
            line = await process.stdout.readline()
            offers: dict[str, Any] = json.loads(line)
    except TimeoutError:
        raise DemoError(f"{name} was not ready after {READY_SECONDS:.0f} s") from None
    except ValueError:
        raise DemoError(f"{name} ended with status {await process.wait()} before it was ready") from None
    return offers


async def _until_ready(gateway: asyncio.subprocess.Process, notified: socket.socket) -> None:
    ready = asyncio.create_task(_heard_ready(notified))
    ended = asyncio.create_task(gateway.wait())
    done, _ = await asyncio.wait({ready, ended}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for task in (ready, ended):
        task.cancel()
    if ended in done:
        raise DemoError(f"the gateway ended with status {ended.result()} before it was ready")
    if not done:
        raise DemoError(f"the gateway was not ready after {READY_SECONDS:.0f} s")


async def _heard_ready(notified: socket.socket) -> None:
    # One that ends says so too.
    while not (await asyncio.get_running_loop().sock_recv(notified, 64)).startswith(READY):
        continue


async def _first_to_end(parts: dict[str, asyncio.subprocess.Process]) -> None:
    waiting = {asyncio.create_task(process.wait()): name for name, process in parts.items()}
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
    ended = done.pop()
    raise DemoError(f"{waiting[ended]} ended with status {ended.result()}, so the demo ends too")


def _free_port(wanted: int, stack: contextlib.AsyncExitStack) -> int:
    """Give the usual port where it is free, else any.

    :param stack: until it closes no other demo takes the port, also while nobody listens there yet.
    """
    for port in (wanted, *[0] * PORT_TRIES):
        with contextlib.suppress(OSError), contextlib.ExitStack() as attempt:
            claim = attempt.enter_context(socket.socket(socket.AF_UNIX))
            with socket.socket() as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((HOST, port))
                free: int = sock.getsockname()[1]
                # A name that one process can have at a time, and that goes with it.
                claim.bind(f"\0{FOLDER_PREFIX}{free}")
            stack.push(attempt.pop_all())
            return free
    raise DemoError(f"no free port at {HOST}")


def _announce(scene: Scene, offers: dict[str, Any], places: _Places) -> None:
    offered = places.offers(offers["control"], offers.get("head_end", {}))
    if scene.as_json:
        print(json.dumps(offered), flush=True)
        return
    meters = offers["meters"]
    print(f"A simulated bus with {len(meters)} meters, and the gateway in front of it:\n")
    for meter in meters[:SHOWN_METERS]:
        print(f"  {meter['primary']:>3}  {meter['secondary'] or '–':<16}  {meter['model']}")
    if len(meters) > SHOWN_METERS:
        print(f"  … and {len(meters) - SHOWN_METERS} more")
    mbus = _as_typed("mbus", "mbusio.cli")
    example = next((meter["secondary"] for meter in meters if meter["secondary"]), "1")
    print(
        f"""
Open the pages:   {offered["web"]}
Log in as:        {USER}   password: {places.password}
(The demo made this user by itself; a new master has the default user, which can do nothing but make the first one.)

Reading software connects to {HOST} port {places.ports["plain_tcp"]} (plain TCP). In another terminal:

  {mbus} scan {offered["tcp"]}
  {mbus} read {offered["tcp"]} {example}
  {mbus} read "{offered["tls"]}" {example}
  {mbus} read {offered["serial"]} {example}

{_about_head_end(offered)}The simulator's control socket is at {offers["control"]}. Ctrl-C ends all of it.""",
        flush=True,
    )


def _about_head_end(offered: dict[str, str]) -> str:
    if "head_end" not in offered:
        return ""
    lines = [
        f"A head-end at {offered['head_end']} reads all meters every minute; the page Hosting shows how it goes."
    ]
    if "head_end_web" in offered:
        lines.append(f"Its pages:        {offered['head_end_web']}   the same user and password")
    return "\n".join(lines) + "\n\n"


def _as_typed(command: str, module: str) -> str:
    """Give one of our commands as a person can type it in any folder, also where it is not on the PATH."""
    if shutil.which(command) is not None:
        return command
    beside = Path(sys.executable).with_name(command)
    return shlex.quote(str(beside)) if beside.exists() else f"{shlex.quote(sys.executable)} -m {module}"
