"""What holds for every channel: the same meters are found and read through each, with our own reading library."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mbus.addressing import SecondaryAddress
from mbus.link.station import Stations
from mbus.procedures.read import read_primary, read_secondary
from mbus.procedures.search_primary import search_primary
from mbus.procedures.search_secondary import search_secondary
from mbusio.driver import run
from mbusio.line import Line
from mbusio.shared import SharedBus
from mbusio.transport import open_transport
from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.plain_tcp import PlainTcpChannel
from mbusmaster.channels.rfc2217 import Rfc2217Channel
from mbusmaster.channels.serial_port import SerialPortChannel
from mbusmaster.settings.schema import PlainTcpSettings, Rfc2217Settings, SerialPortSettings
from support.servedbus import ServedBus, served_bus
from support.sharedbus import StrictMeter

# pyserial still starts its thread in a way that newer Pythons call old.
pytestmark = pytest.mark.filterwarnings("ignore:set.*is deprecated:DeprecationWarning")

LOOPBACK = {"enabled": True, "port": 0, "bind": ["127.0.0.1"]}
METERS = {"12345678": 3, "87654321": 7}
Offer = Callable[[BusEngine, Path], Awaitable[tuple[Any, str]]]


async def serial_port(engine: BusEngine, folder: Path) -> tuple[Any, str]:
    channel = SerialPortChannel(SerialPortSettings(link=folder / "mbus"), engine)
    await channel.start()
    return channel, f"serial://{channel.where}"


async def plain_tcp(engine: BusEngine, folder: Path) -> tuple[Any, str]:
    channel = PlainTcpChannel(PlainTcpSettings.model_validate(LOOPBACK), engine)
    await channel.start()
    host, port = channel.endpoints[0]
    return channel, f"tcp://{host}:{port}"


async def rfc2217(engine: BusEngine, folder: Path) -> tuple[Any, str]:
    channel = Rfc2217Channel(Rfc2217Settings.model_validate(LOOPBACK), engine)
    await channel.start()
    host, port = channel.endpoints[0]
    return channel, f"rfc2217://{host}:{port}"


# Each makes a channel in front of a bus, starts it, and gives the URL of a client.
OFFERS: tuple[Offer, ...] = (serial_port, plain_tcp, rfc2217)
SEES_RATE = {"serial_port", "rfc2217"}


@pytest.fixture(params=OFFERS, ids=lambda offer: offer.__name__)
async def channel(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator["Channel"]:
    meters = [StrictMeter(primary, identification, telegrams=2) for identification, primary in METERS.items()]
    async with served_bus(meters) as bus:
        channel, url = await request.param(bus.engine, tmp_path)
        try:
            yield Channel(request.param.__name__, bus, url)
        finally:
            await channel.stop()


class Channel:
    """A channel to be used.

    :ivar kind: name of the one who made it.
    """

    def __init__(self, kind: str, bus: ServedBus, url: str) -> None:
        self.kind, self.bus, self.url = kind, bus, url

    @contextlib.asynccontextmanager
    async def client(self, baud: int = 19200) -> AsyncIterator[Line | SharedBus]:
        line = Line(await open_transport(self.url, baud=baud))
        try:
            yield SharedBus(line) if line.transport.adaptive else line
        finally:
            await line.close()


async def test_a_meter_is_read_by_its_primary_address_with_all_its_telegrams(channel: Channel) -> None:
    async with channel.client() as client:
        for primary in METERS.values():
            reading = await run(read_primary(primary, Stations()), client)
            assert len(reading.frames) == 2


async def test_a_meter_is_read_by_its_secondary_address(channel: Channel) -> None:
    async with channel.client() as client:
        for identification in METERS:
            reading = await run(read_secondary(SecondaryAddress(identification), Stations()), client)
            assert len(reading.frames) == 2


async def test_meters_are_found(channel: Channel) -> None:
    async with channel.client() as client:
        primary = await run(search_primary(3, 4), client)
        # Nine silences less than from the top.
        secondary = await run(search_secondary(SecondaryAddress("1FFFFFFF")), client)
    assert [meter.primary for meter in primary] == [3]
    assert [str(meter.secondary)[:8] for meter in secondary] == ["12345678"]


async def test_two_clients_one_after_the_other_are_both_served(channel: Channel) -> None:
    for _ in range(2):
        async with channel.client() as client:
            assert len((await run(read_primary(3, Stations()), client)).frames) == 2


async def test_the_rate_on_the_bus_is_the_clients_where_it_can_be_seen_and_else_the_default(
    channel: Channel,
) -> None:
    async with channel.client(baud=2400) as client:
        await run(read_primary(3, Stations()), client)
    assert set(channel.bus.rates) == {2400 if channel.kind in SEES_RATE else 19200}
