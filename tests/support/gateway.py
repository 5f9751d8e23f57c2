"""The gateway in this process: real sockets in front, strict meters in memory behind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from mbus.link.decoder import StreamDecoder
from mbus.link.frames import LongFrame, ShortFrame
from mbusio.errors import TransportClosedError
from mbusio.transport import MemoryTransport, Transport, memory_pair
from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.plain_tcp import PlainTcpChannel
from mbusmaster.settings import BusSettings, PlainTcpSettings
from support.sharedbus import StrictMeter

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Gateway:
    """What a test may look at.

    :ivar heard: the frames that the bus has seen.
    :ivar answers: whether meters answer; cleared, their answers wait.
    """

    engine: BusEngine
    channel: PlainTcpChannel
    heard: list[bytes] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def connect(self) -> Streams:
        host, port = self.channel.endpoints[0]
        return await asyncio.open_connection(host, port)


@asynccontextmanager
async def gateway(
    meters: Sequence[StrictMeter], bus: dict[str, Any] | None = None, allowance: float = 0.0, **channel: Any
) -> AsyncIterator[Gateway]:
    """Run a gateway at 19200 baud on any port of loopback.

    :param allowance: seconds that meters may be later than the standard allows.
    """
    near, far = memory_pair(baud=19200)
    near.allowance = allowance

    async def open_memory(_: BusSettings) -> Transport:
        return near

    settings = BusSettings.model_validate({"default_baud": 19200, **(bus or {})})
    engine = BusEngine(settings, open_transport=open_memory)
    plain = PlainTcpSettings.model_validate({"enabled": True, "port": 0, "bind": ["127.0.0.1"], **channel})
    this = Gateway(engine, PlainTcpChannel(plain, engine))
    this.answers.set()
    await this.channel.start()
    tasks = [asyncio.create_task(engine.run()), asyncio.create_task(_meters(this, far, meters))]
    try:
        await engine.tried.wait()
        yield this
    finally:
        await this.channel.stop()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _meters(this: Gateway, far: MemoryTransport, meters: Sequence[StrictMeter]) -> None:
    decoder = StreamDecoder()
    with suppress(TransportClosedError):
        while True:
            for frame in decoder.feed(await far.read()):
                assert isinstance(frame, ShortFrame | LongFrame), "the gateway sends frames only"
                this.heard.append(frame.to_bytes())
                this.asked.set()
                await this.answers.wait()
                for meter in meters:
                    await far.write(meter.hear(frame))


async def ask(streams: Streams, request: bytes, length: int) -> bytes:
    """Send a request, take an answer of so many bytes."""
    reader, writer = streams
    writer.write(request)
    return await reader.readexactly(length)


async def close(*clients: Streams) -> None:
    """Hang up."""
    for _, writer in clients:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
