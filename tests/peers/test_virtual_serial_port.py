"""Programs that nobody here wrote read the bus through the gateway's serial ports: the virtual one, and RFC 2217."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from mbusmaster.bus.carried import Carried
from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.rfc2217 import Rfc2217Channel
from mbusmaster.channels.serial_port import SerialPortChannel
from mbusmaster.settings import BusSettings
from mbusmaster.settings.schema import Rfc2217Settings, SerialPortSettings
from support.needs import program, shared_telegrams
from support.peers import SIX_METERS, Job, Peer, libmbus, pymeterbus
from support.system import running

pytestmark = [pytest.mark.peers, pytest.mark.process, pytest.mark.timeout(300)]

ALL = sorted(
    ("30100608523B0102", "04990254C5140006", "11817314824D0604", "5400083496153200", "148391202D2C0102",
     "63940045AE4C0804")
)  # fmt: skip
JOBS: list[Job] = [["read", 120], ["read", 5], ["read", ALL[0]]]
KAMSTRUP = 14839120
NKE_120 = bytes.fromhex("1040 78B8 16")
E5 = b"\xe5"


@pytest.fixture(scope="module")
def simulated_bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("six")
    for name in SIX_METERS:
        shutil.copy(shared_telegrams() / "good" / f"{name}.hex", folder)
    link = tmp_path_factory.mktemp("bus") / "pty"
    with running(
        "mbussim", "serve", "--meters", "0", "--replay", folder, "--pty", link, "--speed", "fast"
    ) as simulator:
        yield simulator.offers["pty"]


class Gateway:
    """The part of the gateway that is tried here, in this process.

    :ivar rates: at which clients used the bus.
    :ivar carried: set once they have.
    """

    def __init__(self, bus: str, folder: Path) -> None:
        settings = BusSettings.model_validate({"url": f"serial://{bus}", "default_baud": 19200})
        self.engine = BusEngine(settings)
        self.port = SerialPortChannel(SerialPortSettings(link=folder / "mbus"), self.engine)
        self.network = Rfc2217Channel(
            Rfc2217Settings.model_validate({"enabled": True, "port": 0, "bind": ["127.0.0.1"]}), self.engine
        )
        self.rates: set[int] = set()
        self.carried = asyncio.Event()
        carried = self.engine.arbiter._watch

        def watch(what: Carried) -> None:
            if what.own:
                self.rates.add(what.baud)
                self.carried.set()
            if carried is not None:
                carried(what)

        self.engine.arbiter._watch = watch

    @property
    def link(self) -> str:
        assert self.port.where is not None
        return self.port.where


@pytest.fixture
async def gateway(simulated_bus: str, tmp_path: Path) -> AsyncIterator[Gateway]:
    gateway = Gateway(simulated_bus, tmp_path)
    working = asyncio.create_task(gateway.engine.run())
    await gateway.engine.tried.wait()
    await gateway.port.start()
    await gateway.network.start()
    try:
        yield gateway
    finally:
        await gateway.network.stop()
        await gateway.port.stop()
        working.cancel()
        await asyncio.wait([working])


async def results(peer: Peer) -> dict[str, Any]:
    return await asyncio.to_thread(peer.results)


async def test_libmbus_scans_and_reads_at_its_own_rate(gateway: Gateway) -> None:
    got = await results(libmbus({"serialPort": gateway.link, "serialBaudRate": 9600}, [["scan"], *JOBS]))
    assert sorted(got['["scan"]']) == ALL
    assert int(got['["read", 120]']["SlaveInformation"]["Id"]) == KAMSTRUP
    assert all(isinstance(answer, dict | list) for answer in got.values()), got
    assert gateway.rates == {9600}


async def test_pymeterbus_searches_pings_and_reads_at_its_own_rate(gateway: Gateway) -> None:
    got = await results(pymeterbus(gateway.link, [["search"], ["ping", 120], ["ping", 249], *JOBS]))
    assert sorted(got['["search"]']) == ALL
    assert (got['["ping", 120]'], got['["ping", 249]']) == (True, False)
    assert got['["read", 120]']["header"]["manufacturer"] == "KAM"
    assert gateway.rates == {2400}


async def test_one_program_after_the_other_opens_the_same_port(gateway: Gateway) -> None:
    for _ in range(2):
        got = await results(pymeterbus(gateway.link, [["ping", 120]]))
        assert got == {'["ping", 120]': True}
        got = await results(libmbus({"serialPort": gateway.link, "serialBaudRate": 9600}, [["read", 120]]))
        assert isinstance(got['["read", 120]'], dict), got


async def test_socat_passes_bytes_to_and_fro(gateway: Gateway) -> None:
    command = [program("socat", "socat"), "-t", "5", "-", f"{gateway.link},raw,echo=0,b300"]
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(NKE_120)
        async with asyncio.timeout(20):
            assert await process.stdout.readexactly(1) == E5
            await gateway.carried.wait()
    finally:
        process.kill()
        await process.wait()
    assert gateway.rates == {300}


@contextlib.asynccontextmanager
async def ser2net(gateway: Gateway, folder: Path) -> AsyncIterator[int]:
    """Run ser2net as a client of ours; give the port at which it passes bytes on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    host, number = gateway.network.endpoints[0]
    config = folder / "ser2net.yaml"
    config.write_text(
        f"connection: &mbus\n  accepter: tcp,127.0.0.1,{port}\n"
        f"  connector: telnet(rfc2217),tcp,{host},{number}\n"
    )
    command = [program("ser2net", "ser2net"), "-n", "-c", str(config), "-P", str(folder / "ser2net.pid")]
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(ConnectionError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.05)
        yield port
    finally:
        process.kill()
        await process.wait()


async def test_ser2net_and_libmbus_behind_it_read_over_rfc_2217(gateway: Gateway, tmp_path: Path) -> None:
    async with ser2net(gateway, tmp_path) as port:
        got = await results(libmbus({"host": "127.0.0.1", "port": port, "timeout": 1000}, JOBS))
    assert int(got['["read", 120]']["SlaveInformation"]["Id"]) == KAMSTRUP
    assert all(isinstance(answer, dict | list) for answer in got.values()), got


async def test_pyserial_under_pymeterbus_reads_over_rfc_2217(gateway: Gateway) -> None:
    host, port = gateway.network.endpoints[0]
    got = await results(pymeterbus(f"rfc2217://{host}:{port}", [["ping", 120], ["read", 120]]))
    assert got['["ping", 120]'] is True
    assert got['["read", 120]']["header"]["manufacturer"] == "KAM"
    assert gateway.rates == {9600}
