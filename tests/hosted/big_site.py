"""A whole installation on loopback, all of it real: masters, HAProxy, head-ends, a writer, PostgreSQL, JetStream."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import nats

from mbusheadend.state import AUTHORITY_FOLDER, KEY_FILE, authority_of, open_store
from mbusheadend.store import Store
from mbusheadend.store.settings import StoreSettings
from mbusheadend.stream.layout import stream_of_dead, stream_of_readings, writer_of
from mbusheadend.stream.settings import StreamSettings
from mbusheadend.tokens import make_token
from mbusmaster.hosting.enrolment import enrol
from support.haproxy import haproxy
from support.kept_program import KeptProgram
from support.nats import Nodes, nodes
from support.netfault import Line, line_to
from support.ports import free_ports
from support.postgres import Postgres

HEADS: Final = ("head-1", "head-2")
WRITER: Final = "writer"
PROXY, PAGES = "haproxy", "pages"
METERS: Final = 4
"""Of each master."""
START_SECONDS: Final = 60.0
STREAM: Final = {"max_bytes": 64 << 20, "dead_bytes": 1 << 20}


@dataclass
class Masters:
    """Masters that share a process, and their way to the balancer."""

    program: KeptProgram
    serials: tuple[str, ...]
    network: Line


@dataclass
class Installation:
    """What a campaign may use.

    :ivar programs: head-ends, writer and balancer, by name.
    :ivar stream: nodes of JetStream; None where head-ends write straight to the store.
    :ivar store: opened beside the head-ends, over the same database.
    """

    folder: Path
    database: str
    postgres: Postgres
    stream: Nodes | None
    store: Store
    ports: dict[str, int]
    programs: dict[str, KeptProgram] = field(default_factory=dict)
    masters: list[Masters] = field(default_factory=list)

    @property
    def serials(self) -> list[str]:
        return [serial for some in self.masters for serial in some.serials]

    @property
    def outboxes(self) -> Path:
        """Where masters have their folders."""
        return self.folder / "masters"

    @property
    def stream_settings(self) -> StreamSettings:
        assert self.stream is not None
        return StreamSettings.model_validate({"servers": self.stream.servers, **STREAM})

    async def health(self, name: str) -> dict[str, object] | None:
        """Ask a head-end, or all of them by the balancer, how it is; None where it does not answer."""
        url = f"https://127.0.0.1:{self.ports[name]}/health"
        try:
            async with httpx.AsyncClient(verify=False, timeout=10) as client:
                return dict((await client.get(url)).json())
        except (httpx.HTTPError, json.JSONDecodeError):
            return None

    async def until_well(self, name: str, seconds: float = START_SECONDS) -> None:
        """Return when uploads can be taken there."""
        async with asyncio.timeout(seconds):
            while True:
                said = await self.health(name)
                if said is not None and said["status"] == "ok":
                    return
                await asyncio.sleep(0.3)

    async def backlog(self) -> tuple[int, int]:
        """Give how many messages of the stream are not in the store yet, and how many are dead letters."""
        settings = self.stream_settings
        client = await nats.connect([*settings.servers], max_reconnect_attempts=3)
        try:
            stream = client.jetstream()
            writer = await stream.consumer_info(stream_of_readings(settings), writer_of(settings.tenant))
            dead = await stream.stream_info(stream_of_dead(settings))
        finally:
            await client.close()
        return (writer.num_pending or 0) + (writer.num_ack_pending or 0), dead.state.messages

    async def start_postgres(self) -> None:
        """Start it; what was killed may still be ending."""
        async with asyncio.timeout(START_SECONDS):
            while True:
                try:
                    await asyncio.to_thread(self.postgres.start)
                except AssertionError:
                    await asyncio.sleep(0.5)
                else:
                    return


@asynccontextmanager
async def installation(
    folder: Path, processes: int, masters: int, *, with_stream: bool
) -> AsyncIterator[Installation]:
    """Put everything together in an empty folder; masters are enrolled and work until the block ends.

    :param processes: of masters, each with so many `masters`.
    """
    async with AsyncExitStack() as stack:
        server = Postgres(is_safe=True)
        stack.callback(server.stop)
        url = server.empty_database()
        nodes_folder = folder / "nodes"
        nodes_folder.mkdir()
        stream = stack.enter_context(nodes(nodes_folder)) if with_stream else None
        store = await asyncio.to_thread(open_store, folder / "head-1", StoreSettings(url=url))
        stack.callback(store.close)
        ports = dict(zip((*HEADS, PROXY, PAGES), free_ports(4), strict=True))
        this = Installation(folder, url, server, stream, store, ports)
        await asyncio.to_thread(_make_states, this)
        this.programs = _programs(this)
        tasks = await stack.enter_async_context(_kept())
        for program in this.programs.values():
            tasks(program)
        for name in (*HEADS, PROXY):
            await this.until_well(name)
        for number in range(processes):
            line = await stack.enter_async_context(line_to(ports[PROXY]))
            serials = tuple(f"M{number + 1}-{place}" for place in range(masters))
            await _enrol(this, serials, line.port)
            command = [
                sys.executable,
                "-m",
                "support.light_masters",
                str(this.outboxes),
                str(METERS),
                *serials,
            ]
            some = Masters(_program(folder, f"masters-{number + 1}", command), serials, line)
            this.masters.append(some)
            tasks(some.program)
        yield this


@asynccontextmanager
async def _kept() -> AsyncIterator[Callable[[KeptProgram], None]]:
    """Keep programs running that are given, until the block ends."""
    tasks: list[asyncio.Task[None]] = []
    try:
        yield lambda program: tasks.append(asyncio.create_task(program.keep()))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _make_states(this: Installation) -> None:
    """Make the state folders of all processes, as on different machines: with the same authority and key file."""
    first = this.folder / HEADS[0]
    authority_of(first)
    for name in (HEADS[1], WRITER):
        state = this.folder / name
        state.mkdir()
        shutil.copytree(first / AUTHORITY_FOLDER, state / AUTHORITY_FOLDER)
        if (first / KEY_FILE).exists():
            shutil.copy(first / KEY_FILE, state / KEY_FILE)


def _programs(this: Installation) -> dict[str, KeptProgram]:
    settings = this.folder / "head-end.toml"
    text = "web_listen = []\n"
    if this.stream is not None:
        facts = {"servers": list(this.stream.servers), "writers": 0, **STREAM}
        text += "[stream]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in facts.items())
    settings.write_text(text)
    program = partial(_program, this.folder)
    shared = ["--config", str(settings), "--store", this.database, "--json"]
    ours = [sys.executable, "-m", "mbusheadend"]
    found = {}
    for name in HEADS:
        place = ["--listen", f"127.0.0.1:{this.ports[name]}", "--name", "127.0.0.1"]
        found[name] = program(name, [*ours, "serve", "--state", str(this.folder / name), *shared, *place])
    if this.stream is not None:
        found[WRITER] = program(WRITER, [*ours, "write", "--state", str(this.folder / WRITER), *shared])
    heads = [this.ports[name] for name in HEADS]
    found[PROXY] = haproxy(this.ports[PROXY], heads, this.ports[PAGES], this.folder / f"{PROXY}.log")
    return found


def _program(folder: Path, name: str, command: list[str]) -> KeptProgram:
    return KeptProgram(command, folder / f"{name}.log", folder / f"{name}.out")


async def _enrol(this: Installation, serials: tuple[str, ...], port: int) -> None:
    authority = authority_of(this.folder / HEADS[0])
    for serial in serials:
        home = this.outboxes / serial
        home.mkdir(parents=True)
        token = str(await make_token(this.store, authority, datetime.now(UTC)))
        await asyncio.to_thread(enrol, f"https://127.0.0.1:{port}", token, serial, home)
