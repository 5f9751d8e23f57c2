"""What a transaction costs more through the gateway than on the bare line; waiting for the bus is left out.

A meter in memory notes when it has heard each request and when it answers, a client when it sends and when it has the whole
answer. What is between, on the way there and on the way back, is the path's; on the way there only from when the line says that
the transaction before is over: until then the bus is busy, whoever asks. The same is measured on a bare line (`mbusio.line`),
and its median is taken away from p50 and p99. Clients, gateway and meter share one process and one event loop, so the clients'
own work is in the figures too. Of several rounds the median counts, for a machine with other work delays some.
"""

import asyncio
import pathlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from statistics import median, quantiles
from time import perf_counter
from typing import Final

from bench.effort import Effort
from bench.figure import Figure, middle
from mbus.application.commands import req_ud2
from mbus.link.frames import LongFrame
from mbus.link.timing import characters
from mbus.link.transaction import Expects, Reply
from mbus.procedures.steps import Request
from mbusio.errors import TransportClosedError
from mbusio.line import Line
from mbusio.transport import MemoryTransport, Transport, memory_pair
from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.plain_tcp import PlainTcpChannel
from mbusmaster.channels.secured_tcp import SecuredTcpChannel
from mbusmaster.channels.trust import Trust
from mbusmaster.settings import BusSettings, PlainTcpSettings
from mbusmaster.settings.schema import SecuredTcpSettings

BAUD: Final = 19200
BARE_REQUESTS: Final = 100
CLIENTS: Final = (1, 50)
P99_MILLISECONDS: Final = 2.0
METER_SECONDS: Final = 0.003
"""A loop whose clock counts whole milliseconds must not take the answer for one that came before the request was out."""
LOST_SECONDS: Final = 2.0
ANSWER_BYTES: Final = 100
_REQUEST_BYTES: Final = 5

Ask = Callable[[], Awaitable[tuple[float, float]]]
"""Asks once; gives when the request was sent and when the whole answer was there."""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]
Path = Callable[[BusEngine], AbstractAsyncContextManager[Connect]]
"""A way to the bus, open while the block runs."""


def figures(effort: Effort = Effort.FULL) -> list[Figure]:
    """Measure every path."""
    rounds, requests = effort.pick(5, 2, 1), effort.pick(400, 200, 50)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return [
            row
            for name, path in (("TCP", _tcp), ("TLS", _tls))
            for clients in CLIENTS
            for row in _rows(runner, name, path, clients, rounds, requests)
        ]


def _rows(
    runner: asyncio.Runner, name: str, path: Path, clients: int, rounds: int, requests: int
) -> list[Figure]:
    p50, p99 = [], []
    for _ in range(rounds):
        bare = median(runner.run(_bare(min(requests, BARE_REQUESTS))))
        through = runner.run(_through(path, clients, requests))
        p50.append(median(through) - bare)
        p99.append(quantiles(through, n=100)[98] - bare)
    what = f"added by {name}, {clients} client{'s' if clients > 1 else ''}"
    how = f"ms over the bare line, median of {rounds} rounds of {requests} transactions"
    return [
        Figure(f"{what}, p50", round(middle(p50) * 1000, 3), None, how),
        Figure(f"{what}, p99", round(middle(p99) * 1000, 3), P99_MILLISECONDS, how),
    ]


@dataclass
class _Meter:
    """Answers every request, and notes what it sees.

    :ivar heard: when the last request of each address had come.
    :ivar free: when the bus was free for that request.
    :ivar answered: when its answer was put on the wire.
    :ivar free_now: when the bus was free last.
    """

    heard: dict[int, float] = field(default_factory=dict)
    free: dict[int, float] = field(default_factory=dict)
    answered: dict[int, float] = field(default_factory=dict)
    free_now: float = 0.0

    async def serve(self, far: MemoryTransport) -> None:
        with suppress(TransportClosedError):
            while True:
                address = (await far.read())[2]
                self.heard[address], self.free[address] = perf_counter(), self.free_now
                await asyncio.sleep(characters(_REQUEST_BYTES, BAUD) + METER_SECONDS)
                self.answered[address] = perf_counter()
                await far.write(answer(address))

    def is_over(self, _: object = None) -> None:
        """The line says that the transaction is over."""
        self.free_now = perf_counter()

    def path_seconds(self, address: int, sent: float, received: float) -> float:
        """Give the time of one transaction that was neither the bus's nor the meter's."""
        there = self.heard[address] - max(sent, self.free[address])
        return there + received - self.answered[address]


def answer(address: int) -> bytes:
    """Make the telegram of the meter at an address."""
    header = bytes.fromhex("78563412 2D2C 01 04 01 00 0000")
    rest = bytes(ANSWER_BYTES - 9 - len(header) - 1)
    return LongFrame(0x08, address, 0x72, header + b"\x0f" + rest).to_bytes()


async def _bare(requests: int) -> list[float]:
    near, far = memory_pair(baud=BAUD)
    meter, line = _Meter(), Line(near)
    serving = asyncio.create_task(meter.serve(far))

    async def ask() -> tuple[float, float]:
        received = 0.0

        def heard(data: bytes) -> None:
            nonlocal received
            received = perf_counter()

        outcome = await line.transact(Request(req_ud2(1, fcb=True), Expects.RESPONSE), on_bytes=heard)
        assert isinstance(outcome, Reply), "the meter answers every request"
        meter.is_over()
        # Whoever waits for the bus has asked before it was free.
        return 0.0, received

    try:
        return await _sample(meter, 1, ask, requests)
    finally:
        await line.close()
        await serving


async def _through(path: Path, clients: int, requests: int) -> list[float]:
    near, far = memory_pair(baud=BAUD)
    meter = _Meter()

    async def open_memory(_: BusSettings) -> Transport:
        return near

    engine = BusEngine(BusSettings(default_baud=BAUD), open_transport=open_memory)
    engine.on_carried(meter.is_over)
    tasks = [asyncio.create_task(engine.run()), asyncio.create_task(meter.serve(far))]
    try:
        await engine.tried.wait()
        async with path(engine) as connect, AsyncExitStack() as hang_up:
            asking: list[Coroutine[None, None, list[float]]] = []
            for address in range(1, clients + 1):
                streams = await connect()
                hang_up.push_async_callback(_hang_up, streams)
                asking.append(_sample(meter, address, _asker(streams, address), requests // clients))
            return [seconds for samples in await asyncio.gather(*asking) for seconds in samples]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _sample(meter: _Meter, address: int, ask: Ask, count: int) -> list[float]:
    # The first is learned from, like a first read.
    await ask()
    return [meter.path_seconds(address, *(await ask())) for _ in range(count)]


def _asker(streams: Streams, address: int) -> Ask:
    reader, writer = streams
    request, length = req_ud2(address, fcb=True).to_bytes(), len(answer(address))

    async def ask() -> tuple[float, float]:
        while True:
            sent = perf_counter()
            writer.write(request)
            # A machine that stands still for longer than a meter may take makes an answer late, and late ones are not passed on.
            with suppress(TimeoutError):
                async with asyncio.timeout(LOST_SECONDS):
                    await reader.readexactly(length)
                    return sent, perf_counter()

    return ask


async def _hang_up(streams: Streams) -> None:
    streams[1].close()
    with suppress(ConnectionError, ssl.SSLError):
        await streams[1].wait_closed()


@asynccontextmanager
async def _tcp(engine: BusEngine) -> AsyncIterator[Connect]:
    settings = PlainTcpSettings.model_validate({"enabled": True, "port": 0, "bind": ["127.0.0.1"]})
    channel = PlainTcpChannel(settings, engine)
    await channel.start()
    host, port = channel.endpoints[0]
    try:
        yield lambda: asyncio.open_connection(host, port)
    finally:
        await channel.stop()


@asynccontextmanager
async def _tls(engine: BusEngine) -> AsyncIterator[Connect]:
    with tempfile.TemporaryDirectory() as folder:
        trust = Trust(pathlib.Path(folder) / "trust")
        bundle = pathlib.Path(folder) / "bench.pem"
        bundle.write_bytes(trust.issue("bench", None).pem())
        context = ssl.create_default_context(cadata=trust.authority_pem().decode())
        context.load_cert_chain(bundle)
        context.check_hostname = False
        settings = SecuredTcpSettings.model_validate({"port": 0, "bind": ["127.0.0.1"]})
        channel = SecuredTcpChannel(settings, engine, trust)
        await channel.start()
        host, port = channel.endpoints[0]
        try:
            yield lambda: asyncio.open_connection(host, port, ssl=context)
        finally:
            await channel.stop()
            trust.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Choose the loop that `mbusmaster` runs on."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
