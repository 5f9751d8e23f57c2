"""The port over a USB cable. The gadget is played by a pty: its one side is the device, the other the computer at the cable."""

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mbusmaster.channels import usb_serial
from mbusmaster.channels.serial_port import SerialPortChannel
from mbusmaster.settings.schema import SerialPortSettings
from support.servedbus import ServedBus, served_bus
from support.settled import settled
from support.sharedbus import StrictMeter, nke, req

A = "12345678"
E5 = b"\xe5"
NKE_5 = nke(5).to_bytes()


class Cable:
    """A gadget's device under a name, and the computer."""

    def __init__(self, device: Path) -> None:
        self.device = device
        self.computer = -1

    def plug(self) -> None:
        self.computer, device = os.openpty()
        tty.setraw(device)
        os.set_blocking(self.computer, False)
        self.device.unlink(missing_ok=True)
        self.device.symlink_to(os.ttyname(device))
        # Held open as the kernel holds a gadget, or reading would end before the master has opened it.
        self._held = device

    def pull(self) -> None:
        if self.computer >= 0:
            os.close(self._held)
            os.close(self.computer)
            self.computer = -1
            self.device.unlink()

    async def ask(self, request: bytes, size: int) -> bytes:
        os.write(self.computer, request)
        data = b""
        async with asyncio.timeout(10):
            while len(data) < size:
                with contextlib.suppress(BlockingIOError):
                    data += os.read(self.computer, 4096)
                await asyncio.sleep(0.002)
        return data


@pytest.fixture
def cable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cable:
    monkeypatch.setattr(usb_serial, "RETRY_SECONDS", 0.01)
    return Cable(tmp_path / "ttyGS0")


@contextlib.asynccontextmanager
async def offered(bus: ServedBus, cable: Cable) -> AsyncIterator[SerialPortChannel]:
    # The settings take only what lies below /dev.
    channel = SerialPortChannel(SerialPortSettings.model_construct(device=str(cable.device)), bus.engine)
    await channel.start()
    try:
        yield channel
    finally:
        await channel.stop()
        cable.pull()


async def test_the_computer_at_the_cable_reads_a_meter_at_the_default_rate(cable: Cable) -> None:
    meter = StrictMeter(5, A)
    cable.plug()
    async with served_bus([meter], default_baud=9600) as bus, offered(bus, cable) as channel:
        assert channel.is_usb
        assert channel.where == str(cable.device)
        assert await cable.ask(NKE_5, 1) == E5
        answer = meter.telegram(0)
        assert await cable.ask(req(5, 1).to_bytes(), len(answer)) == answer
    assert bus.rates == [9600, 9600]


async def test_a_pulled_cable_and_another_one_make_a_new_client(cable: Cable) -> None:
    cable.plug()
    async with served_bus([StrictMeter(5, A)]) as bus, offered(bus, cable) as channel:
        for _ in range(3):
            assert await cable.ask(NKE_5, 1) == E5
            assert channel.clients == 1
            cable.pull()
            await settled(lambda: channel.clients == 0)
            cable.plug()


async def test_a_device_that_comes_later_is_used_and_its_absence_told_once(
    cable: Cable, caplog: pytest.LogCaptureFixture
) -> None:
    async with served_bus([StrictMeter(5, A)]) as bus, offered(bus, cable):
        await asyncio.sleep(0.05)
        cable.plug()
        assert await cable.ask(NKE_5, 1) == E5
    assert caplog.text.count("is the USB gadget set up?") == 1


async def test_a_computer_that_reads_nothing_loses_its_answers_and_is_served_afterwards(
    cable: Cable, caplog: pytest.LogCaptureFixture
) -> None:
    cable.plug()
    async with served_bus([StrictMeter(5, A)]) as bus, offered(bus, cable) as channel:
        assert await cable.ask(NKE_5, 1) == E5
        assert channel._visit is not None
        channel._visit.transport.write(bytes(200_000))
        os.write(cable.computer, NKE_5)
        await settled(lambda: "does not read" in caplog.text)
        await settled(lambda: channel.clients == 0)
        with contextlib.suppress(BlockingIOError):
            while os.read(cable.computer, 4096):
                pass
        assert await cable.ask(NKE_5, 1) == E5
