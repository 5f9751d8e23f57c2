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
from mbusmaster.channels.secured_tcp import SecuredTcpChannel
from mbusmaster.channels.serial_port import SerialPortChannel
from mbusmaster.channels.trust import ServerNames, Trust
from mbusmaster.settings.schema import (
    PlainTcpSettings,
    Rfc2217Settings,
    SecuredTcpSettings,
    SerialPortSettings,
)
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


async def secured_tcp(engine: BusEngine, folder: Path) -> tuple[Any, str]:
    trust = Trust(folder / "trust", lambda: ServerNames((), ("127.0.0.1",)))
    bundle, authority = folder / "client.pem", folder / "ca.pem"
    bundle.write_bytes(trust.issue("client", None).pem())
    authority.write_bytes(trust.authority_pem())
    channel = SecuredTcpChannel(
        SecuredTcpSettings.model_validate({"port": 0, "bind": ["127.0.0.1"]}), engine, trust
    )
    await channel.start()
    host, port = channel.endpoints[0]
    return channel, f"tls://{host}:{port}?ca={authority}&cert={bundle}"


async def rfc2217(engine: BusEngine, folder: Path) -> tuple[Any, str]:
    channel = Rfc2217Channel(Rfc2217Settings.model_validate(LOOPBACK), engine)
    await channel.start()
    host, port = channel.endpoints[0]
    return channel, f"rfc2217://{host}:{port}"


# Each makes a channel in front of a bus, starts it, and gives the URL of a client.
OFFERS: tuple[Offer, ...] = (serial_port, plain_tcp, secured_tcp, rfc2217)
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
            bus = SharedBus(line) if line.transport.adaptive else line
            # The gateway is in this process: a first silence need not be waited for as over the internet.
            line.known_allowance = 0.1
            yield bus
        finally:
            await line.close()


async def test_meters_are_read_and_found(channel: Channel) -> None:
    async with channel.client() as client:
        for primary in METERS.values():
            assert len((await run(read_primary(primary, Stations()), client)).frames) == 2
        for identification in METERS:
            reading = await run(read_secondary(SecondaryAddress(identification), Stations()), client)
            assert len(reading.frames) == 2
        by_primary = await run(search_primary(3, 4), client)
        # Nine silences less than from the top.
        by_secondary = await run(search_secondary(SecondaryAddress("1FFFFFFF")), client)
    assert [meter.primary for meter in by_primary] == [3]
    assert [str(meter.secondary)[:8] for meter in by_secondary] == ["12345678"]


async def test_one_client_after_the_other_is_served_at_its_own_rate_where_that_can_be_seen(
    channel: Channel,
) -> None:
    for baud in (2400, 9600):
        async with channel.client(baud=baud) as client:
            assert len((await run(read_primary(3, Stations()), client)).frames) == 2
    assert set(channel.bus.rates) == ({2400, 9600} if channel.kind in SEES_RATE else {19200})
