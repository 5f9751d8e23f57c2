"""The channel in front of a bus, with pyserial, serialx and hostile clients."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import serial
import serialx

from mbus.link.frames import LongFrame
from mbusmaster.channels.com_port import COM_PORT
from mbusmaster.channels.rfc2217 import Rfc2217Channel
from mbusmaster.channels.session import MAX_UNREAD
from mbusmaster.channels.telnet import IAC, Data, Subnegotiation, TelnetDecoder, escape, subnegotiation
from mbusmaster.settings.schema import Rfc2217Settings
from support.servedbus import ServedBus, served_bus
from support.sharedbus import StrictMeter, nke, req

# pyserial still starts its thread in a way that newer Pythons call old.
pytestmark = pytest.mark.filterwarnings("ignore:set.*is deprecated:DeprecationWarning")

A = "12345678"
E5 = b"\xe5"
NKE_5 = nke(5).to_bytes()
NOP = bytes((IAC, 241))


@contextlib.asynccontextmanager
async def offered(bus: ServedBus, **settings: Any) -> AsyncIterator[Rfc2217Channel]:
    channel = Rfc2217Channel(
        Rfc2217Settings.model_validate({"enabled": True, "port": 0, "bind": ["127.0.0.1"], **settings}),
        bus.engine,
    )
    await channel.start()
    try:
        yield channel
    finally:
        await channel.stop()


def url(channel: Rfc2217Channel) -> str:
    host, port = channel.endpoints[0]
    return f"rfc2217://{host}:{port}"


class RawClient:
    """A connection without a library."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.decoder = TelnetDecoder()
        self.data = b""
        self.told: list[bytes] = []

    async def take(self) -> bool:
        got = await self.reader.read(4096)
        for event in self.decoder.feed(got):
            match event:
                case Data(data=data):
                    self.data += data
                case Subnegotiation(data=data):
                    self.told.append(data)
        return bool(got)

    async def until_told(self, content: bytes) -> None:
        async with asyncio.timeout(10):
            while content not in self.told:
                assert await self.take(), "the connection ended"

    async def until_data(self, size: int) -> bytes:
        async with asyncio.timeout(10):
            while len(self.data) < size:
                assert await self.take(), "the connection ended"
        return self.data

    async def until_ended(self) -> None:
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(10):
                while await self.take():
                    pass


@contextlib.asynccontextmanager
async def connected(channel: Rfc2217Channel) -> AsyncIterator[RawClient]:
    client = RawClient(*await asyncio.open_connection(*channel.endpoints[0]))
    try:
        yield client
    finally:
        client.writer.close()
        with contextlib.suppress(ConnectionError):
            await client.writer.wait_closed()


async def test_pyserial_sets_rates_and_is_served_at_them() -> None:
    meter = StrictMeter(5, A)
    answer = meter.telegram(0)

    def session(where: str) -> None:
        with serial.serial_for_url(where, baudrate=2400, parity="E", timeout=5) as port:
            port.reset_input_buffer()
            port.write(NKE_5)
            assert port.read(1) == E5
            port.baudrate = 300
            port.write(req(5, 1).to_bytes())
            assert port.read(len(answer)) == answer
            assert (port.cts, port.dsr, port.cd, port.ri) == (True, True, True, False)
            with pytest.raises(ValueError, match="rejected"):
                port.baudrate = 115200

    async with served_bus([meter]) as bus, offered(bus) as channel:
        await asyncio.to_thread(session, url(channel))
    assert bus.rates == [2400, 300]


@pytest.mark.parametrize("parity", ["N", "E"])
async def test_serial_clients_come_again_and_again(parity: str) -> None:
    def session(where: str) -> None:
        with serial.serial_for_url(where, baudrate=9600, parity=parity, timeout=5) as port:
            port.write(NKE_5)
            assert port.read(1) == E5

    async with served_bus([StrictMeter(5, A)]) as bus, offered(bus) as channel:
        for _ in range(2):
            await asyncio.to_thread(session, url(channel))
    assert bus.rates == [9600] * 2


async def test_serialx_is_served_too() -> None:
    async with served_bus([StrictMeter(5, A)]) as bus, offered(bus) as channel:
        reader, writer = await serialx.open_serial_connection(
            url(channel), baudrate=9600, parity=serialx.Parity.EVEN
        )
        writer.write(NKE_5)
        assert await reader.readexactly(1) == E5
        writer.close()
        await writer.wait_closed()
    assert bus.rates == [9600]


async def test_a_client_that_speaks_no_telnet_is_served_at_the_default_rate() -> None:
    async with served_bus([StrictMeter(5, A)]) as bus, offered(bus) as channel, connected(channel) as client:
        client.writer.write(NKE_5)
        assert await client.until_data(1) == E5
    assert bus.rates == [19200]


async def test_each_client_has_its_own_rate() -> None:
    async with (
        served_bus([StrictMeter(5, A)]) as bus,
        offered(bus) as channel,
        connected(channel) as slow,
        connected(channel) as fast,
    ):
        for client, rate in ((slow, 300), (fast, 9600)):
            client.writer.write(subnegotiation(bytes((COM_PORT, 1)) + rate.to_bytes(4)))
        for number in (1, 2):
            for client in (slow, fast):
                client.writer.write(NKE_5)
                await client.until_data(number)
    assert bus.rates == [300, 9600, 300, 9600]


async def test_every_byte_passes_unchanged_both_ways() -> None:
    meter = StrictMeter(0x84, A)
    long = LongFrame(0x08, 0x84, 0x72, bytes(range(200, 256)) * 2).to_bytes()
    async with served_bus([meter]) as bus, offered(bus) as channel, connected(channel) as client:
        meter.hear = lambda frame: long  # type: ignore[method-assign]
        # Its checksum is FF: both directions have bytes to escape.
        request = bytes((0x10, 0x7B, 0x84, 0xFF, 0x16))
        client.writer.write(escape(request))
        assert await client.until_data(len(long)) == long
    assert bus.frames == [request]


async def test_answers_wait_while_the_client_suspends_the_flow() -> None:
    async with served_bus([StrictMeter(5, A)]) as bus, offered(bus) as channel, connected(channel) as client:
        client.writer.write(subnegotiation(bytes((COM_PORT, 8))) + NKE_5)
        async with asyncio.timeout(10):
            await bus.asked.wait()
        client.writer.write(subnegotiation(bytes((COM_PORT, 5, 0))))
        await client.until_told(bytes((COM_PORT, 105, 1)))
        assert client.data == b""
        client.writer.write(subnegotiation(bytes((COM_PORT, 9))))
        assert await client.until_data(1) == E5


async def test_a_client_that_suspends_the_flow_for_ever_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async with served_bus([StrictMeter(5, A)]) as bus, offered(bus) as channel, connected(channel) as client:
        client.writer.write(subnegotiation(bytes((COM_PORT, 8))) + NKE_5)
        await bus.asked.wait()
        (connection,) = channel._connections
        assert connection.guest is not None
        connection.guest.writer.write(bytes(MAX_UNREAD))
        client.writer.write(NKE_5)
        await client.until_ended()
    assert "does not read" in caplog.text


@pytest.mark.parametrize(
    "flood", [NOP, subnegotiation(b"\x2c\x00"), bytes((IAC, 253, 99)), b"\xff\xfa" + bytes(99)]
)
async def test_endless_commands_end_the_connection_and_the_others_are_served(
    flood: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with served_bus([StrictMeter(5, A)]) as bus, offered(bus) as channel, connected(channel) as client:
        async with connected(channel) as hostile:
            with contextlib.suppress(ConnectionError):
                for _ in range(200):
                    hostile.writer.write(flood * (20_000 // len(flood)))
                    await hostile.writer.drain()
            await hostile.until_ended()
        client.writer.write(NKE_5)
        assert await client.until_data(1) == E5
    assert "endless telnet commands" in caplog.text


async def test_clients_are_bounded() -> None:
    async with (
        served_bus([StrictMeter(5, A)]) as bus,
        offered(bus, max_clients=1) as channel,
        connected(channel) as first,
    ):
        first.writer.write(NKE_5)
        assert await first.until_data(1) == E5
        async with connected(channel) as second:
            await second.until_ended()
        assert channel.clients == 1
