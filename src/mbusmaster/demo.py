"""The demo: a simulated bus and the gateway in front of it, as separate processes, the way a user would start them."""

import asyncio
import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mbusmaster.settings import BusSettings, ChannelsSettings, LogSettings, PlainTcpSettings, Settings, Store
from mbusmaster.system.children import ends_with_parent, scratch_folder
from mbusmaster.system.notify import READY, VARIABLE

HOST: Final = "127.0.0.1"
PORT: Final = 2445
READY_SECONDS: Final = 60.0
END_SECONDS: Final = 5.0
FOLDER_PREFIX: Final = "mbusmaster-demo-"
SHOWN_METERS: Final = 12


class DemoError(Exception):
    """A part of the demo did not start, or ended; says which."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the demo shows.

    :ivar replay: folder of recorded telegrams, each of which becomes a meter.
    :ivar fast: characters take no time.
    """

    meters: int
    replay: Path | None
    baud: int
    fast: bool
    as_json: bool


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


async def _play(scene: Scene) -> None:
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(scratch_folder(FOLDER_PREFIX))
        simulator = await stack.enter_async_context(_program(_simulator(scene, folder), stdout=True))
        offers = await _first_line(simulator)
        port = _free_port()
        config = _settings_file(scene, folder, offers, port)
        notified = stack.enter_context(
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        )
        notified.bind(str(folder / "notify"))
        environment = {**os.environ, VARIABLE: str(folder / "notify")}
        gateway = await stack.enter_async_context(
            _program(("mbusmaster", "run", "--config", str(config)), environment=environment)
        )
        await _until_ready(gateway, notified)
        _announce(scene, offers, port)
        await _first_to_end({"the simulator": simulator, "the gateway": gateway})


def _simulator(scene: Scene, folder: Path) -> tuple[str, ...]:
    command = ["mbussim", "serve", "--meters", str(scene.meters), "--pty", str(folder / "bus")]
    command += ["--control", f"{HOST}:0", "--speed", "fast" if scene.fast else "real"]
    if scene.replay is not None:
        command += ["--replay", str(scene.replay)]
    if scene.baud != BusSettings().default_baud:
        command += ["--baud", str(scene.baud)]
    return tuple(command)


def _settings_file(scene: Scene, folder: Path, offers: dict[str, Any], port: int) -> Path:
    bus = BusSettings.model_validate(
        {
            "name": "demo",
            "url": f"serial://{offers['pty']}",
            "default_baud": scene.baud,
            "line_monitor": f"tcp://{offers['control']}",
        }
    )
    channel = PlainTcpSettings.model_validate({"enabled": True, "port": port, "bind": [HOST]})
    settings = Settings(
        state_folder=folder / "state",
        buses=(bus,),
        channels=ChannelsSettings(plain_tcp=channel),
        log=LogSettings(level="warning"),
    )
    path = folder / "mbusmaster.toml"
    Store(path).save(settings)
    return path


@contextlib.asynccontextmanager
async def _program(
    command: Sequence[str], *, stdout: bool = False, environment: dict[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one of our commands until the block or this process ends; the terminal's Ctrl-C is for the demo alone."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *command,
        stdin=asyncio.subprocess.DEVNULL,
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


async def _first_line(simulator: asyncio.subprocess.Process) -> dict[str, Any]:
    assert simulator.stdout is not None, "the simulator's output is a pipe"
    try:
        async with asyncio.timeout(READY_SECONDS):
            line = await simulator.stdout.readline()
            offers: dict[str, Any] = json.loads(line)
    except TimeoutError:
        raise DemoError(f"the simulator was not ready after {READY_SECONDS:.0f} s") from None
    except ValueError:
        raise DemoError(
            f"the simulator ended with status {await simulator.wait()} before it was ready"
        ) from None
    return offers


async def _until_ready(gateway: asyncio.subprocess.Process, notified: socket.socket) -> None:
    ready = asyncio.create_task(asyncio.get_running_loop().sock_recv(notified, len(READY)))
    ended = asyncio.create_task(gateway.wait())
    done, _ = await asyncio.wait({ready, ended}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for task in (ready, ended):
        task.cancel()
    if ended in done:
        raise DemoError(f"the gateway ended with status {ended.result()} before it was ready")
    if not done:
        raise DemoError(f"the gateway was not ready after {READY_SECONDS:.0f} s")


async def _first_to_end(parts: dict[str, asyncio.subprocess.Process]) -> None:
    waiting = {asyncio.create_task(process.wait()): name for name, process in parts.items()}
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
    ended = done.pop()
    raise DemoError(f"{waiting[ended]} ended with status {ended.result()}, so the demo ends too")


def _free_port() -> int:
    """Give the guide's port where it is free, else any."""
    for port in (PORT, 0):
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((HOST, port))
            free: int = sock.getsockname()[1]
            return free
    raise DemoError(f"no free port at {HOST}")


def _announce(scene: Scene, offers: dict[str, Any], port: int) -> None:
    url = f"tcp://{HOST}:{port}"
    if scene.as_json:
        print(json.dumps({"tcp": url, "simulator_control": offers["control"]}), flush=True)
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
Reading software connects to {HOST} port {port} (plain TCP). In another terminal:

  {mbus} scan {url}
  {mbus} read {url} {example}

The simulator's control socket is at {offers["control"]}. Ctrl-C ends all of it.""",
        flush=True,
    )


def _as_typed(command: str, module: str) -> str:
    """Give one of our commands as a person can type it in any folder, also where it is not on the PATH."""
    if shutil.which(command) is not None:
        return command
    beside = Path(sys.executable).with_name(command)
    return shlex.quote(str(beside)) if beside.exists() else f"{shlex.quote(sys.executable)} -m {module}"
