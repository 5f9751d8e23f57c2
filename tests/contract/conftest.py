"""Every transport with its other end in the test's hand."""

import asyncio
import contextlib
import os
import ssl
import termios
import tty
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from serial import rfc2217

from mbusio.transport import Transport, memory_pair, open_transport
from mbusio.transport.hosted import HostedTransport
from mbusio.tunnel.end import TunnelEnd
from support.carriers import tunnel_ends
from support.certificates import Authority

KINDS = ("memory", "serial", "tcp", "tls", "rfc2217", "hosted")


class FarEnd(ABC):
    """What lies beyond the transport: it reads what was written, writes what is read, and can vanish."""

    @abstractmethod
    async def receive(self, count: int) -> bytes: ...

    @abstractmethod
    async def send(self, data: bytes) -> None: ...

    @abstractmethod
    async def vanish(self) -> None: ...

    @abstractmethod
    def baud(self) -> int: ...

    async def stop(self) -> None:
        await self.vanish()


@dataclass(slots=True)
class Pipe:
    kind: str
    near: Transport
    far: FarEnd


class MemoryEnd(FarEnd):
    def __init__(self, near: Transport, far: Transport) -> None:
        self._near, self._far = near, far
        self._data = b""

    async def receive(self, count: int) -> bytes:
        while len(self._data) < count:
            self._data += await self._far.read()
        data, self._data = self._data[:count], self._data[count:]
        return data

    async def send(self, data: bytes) -> None:
        await self._far.write(data)

    async def vanish(self) -> None:
        await self._far.close()

    def baud(self) -> int:
        return self._near.baud


class PtyEnd(FarEnd):
    def __init__(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(self._master)
        os.set_blocking(self._master, False)
        self.device = os.ttyname(slave)
        # The slave stays open here, or the kernel would report an error until the transport opens it.
        self._slave = slave
        self._closed = False

    async def receive(self, count: int) -> bytes:
        data = b""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._master, ready.set)
        try:
            while len(data) < count:
                await ready.wait()
                ready.clear()
                with contextlib.suppress(BlockingIOError):
                    data += os.read(self._master, count - len(data))
        finally:
            loop.remove_reader(self._master)
        return data

    async def send(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                await asyncio.sleep(0.001)

    async def vanish(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self._slave)
            os.close(self._master)

    def baud(self) -> int:
        rate: int = termios.tcgetattr(self._master)[5]
        return {termios.B300: 300, termios.B2400: 2400, termios.B9600: 9600}[rate]


class StreamEnd(FarEnd):
    """One accepted connection."""

    def __init__(self) -> None:
        self._connected: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        self._connected = asyncio.get_running_loop().create_future()
        self._server: asyncio.Server
        self.near: Transport

    async def listen(self, context: ssl.SSLContext | None = None) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=context)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connected.set_result((reader, writer))

    async def receive(self, count: int) -> bytes:
        reader, _ = await self._connected
        return await reader.readexactly(count)

    async def send(self, data: bytes) -> None:
        _, writer = await self._connected
        writer.write(data)
        await writer.drain()

    async def vanish(self) -> None:
        _, writer = await self._connected
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def stop(self) -> None:
        await self.vanish()
        self._server.close()
        await self._server.wait_closed()

    def baud(self) -> int:
        return self.near.baud


class Rfc2217End(StreamEnd):
    """pyserial's own server side, around a port that exists in name only."""

    def __init__(self) -> None:
        super().__init__()
        self._port = SimpleNamespace(
            baudrate=9600, bytesize=8, parity="N", stopbits=1, rts=True, dtr=True, cts=True, dsr=True,
            ri=False, cd=True, xonxoff=False, rtscts=False, dsrdtr=False, break_condition=False,
            reset_input_buffer=lambda: None, reset_output_buffer=lambda: None,
        )  # fmt: skip
        self._plain = asyncio.StreamReader()
        self._serving: asyncio.Task[None] | None = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        manager = rfc2217.PortManager(self._port, writer)  # type: ignore[arg-type]
        self._manager = manager
        await super()._accept(reader, writer)
        while data := await reader.read(1000):
            self._plain.feed_data(b"".join(manager.filter(data)))

    async def receive(self, count: int) -> bytes:
        return await self._plain.readexactly(count)

    async def send(self, data: bytes) -> None:
        await super().send(b"".join(self._manager.escape(data)))

    def baud(self) -> int:
        rate: int = self._port.baudrate
        return rate


class TunnelFarEnd(FarEnd):
    """The master's end of a tunnel."""

    def __init__(self, near: Transport, end: TunnelEnd) -> None:
        self._near, self._end = near, end
        self._data = b""

    async def receive(self, count: int) -> bytes:
        while len(self._data) < count:
            self._data += await self._end.read()
        data, self._data = self._data[:count], self._data[count:]
        return data

    async def send(self, data: bytes) -> None:
        await self._end.write(data)

    async def vanish(self) -> None:
        await self._end.close()

    def baud(self) -> int:
        return self._near.baud


async def make_stream_pipe(kind: str, folder: Path) -> Pipe:
    far = Rfc2217End() if kind == "rfc2217" else StreamEnd()
    query = ""
    context = None
    if kind == "tls":
        authority = Authority(folder)
        pem = authority.issue("gateway")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem.certificate, pem.key)
        query = f"?ca={authority.pem}"
    port = await far.listen(context)
    far.near = await open_transport(f"{kind}://127.0.0.1:{port}{query}")
    return Pipe(kind, far.near, far)


async def make_pipe(kind: str, folder: Path) -> Pipe:
    if kind == "memory":
        near, far = memory_pair()
        return Pipe(kind, near, MemoryEnd(near, far))
    if kind == "serial":
        end = PtyEnd()
        return Pipe(kind, await open_transport(end.device), end)
    if kind == "hosted":
        here, there = await tunnel_ends()
        hosted = HostedTransport("hosted://here/M1", here, await here.round_trip())
        return Pipe(kind, hosted, TunnelFarEnd(hosted, there))
    return await make_stream_pipe(kind, folder)


@pytest.fixture(params=KINDS)
async def pipe(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pipe]:
    pipe = await make_pipe(request.param, tmp_path)
    yield pipe
    await pipe.near.close()
    await pipe.far.stop()
