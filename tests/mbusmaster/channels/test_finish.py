"""A gateway that ends lets nobody hang: the answer that is on its way, then a goodbye, and all of it bounded."""

import asyncio
import os
import socket
import ssl
import tty
from collections.abc import Callable
from pathlib import Path

import pytest

from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.doors import Doors
from mbusmaster.channels.serial_port import SerialPortChannel
from mbusmaster.settings import BusSettings
from mbusmaster.settings.schema import SerialPortSettings
from support.gateway import ask, gateway
from support.secured import secured
from support.sharedbus import StrictMeter, nke, req

E5 = b"\xe5"
LONG = 20.0
"""Seconds: longer than any test takes."""


async def test_a_client_gets_the_answer_that_is_on_its_way_and_then_an_end_that_is_no_reset() -> None:
    meter = StrictMeter(5, "12345678")
    async with gateway([meter], allowance=LONG) as running:
        reader, writer = await running.connect()
        running.answers.clear()
        writer.write(nke(5).to_bytes())
        await running.asked.wait()
        # This one waits behind it, and is not sent any more.
        writer.write(req(5, 1).to_bytes())
        await writer.drain()
        finishing = asyncio.create_task(running.channel.finish(LONG))
        await asyncio.sleep(0)
        assert not finishing.done()
        running.answers.set()
        assert await reader.read() == E5
        await finishing
        assert running.heard == [nke(5).to_bytes()]
        assert running.channel.clients == 0
        writer.close()


async def test_one_who_asks_nothing_is_let_go_at_once_and_nobody_comes_in_any_more() -> None:
    async with gateway([StrictMeter(5, "12345678")]) as running:
        idle, served = await running.connect(), await running.connect()
        assert await ask(served, nke(5).to_bytes(), 1) == E5
        host, port = running.channel.endpoints[0]
        await running.channel.finish(LONG)
        for reader, writer in (idle, served):
            assert await reader.read() == b""
            writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, port)


async def test_a_meter_that_never_answers_holds_nothing_up() -> None:
    async with gateway([StrictMeter(5, "12345678")], allowance=LONG) as running:
        reader, writer = await running.connect()
        running.answers.clear()
        writer.write(nke(5).to_bytes())
        await running.asked.wait()
        await running.channel.finish(0.05)
        assert await reader.read() == b""
        running.answers.set()
        writer.close()


async def test_the_end_of_a_tls_connection_is_told_with_a_close_notify(tmp_path: Path) -> None:
    async with secured(tmp_path, [StrictMeter(5, "12345678")]) as running:
        bundle = running.bundle("reader")
        context = ssl.create_default_context(cafile=str(bundle))
        context.load_cert_chain(bundle)
        context.check_hostname = False
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()

        def read(told: Callable[[], object]) -> bytes:
            with (
                socket.create_connection(running.channel.endpoints[0], timeout=LONG) as plain,
                context.wrap_socket(plain, suppress_ragged_eofs=False) as sock,
            ):
                sock.sendall(nke(5).to_bytes())
                got = sock.recv(100)
                loop.call_soon_threadsafe(told)
                # An end without the notification would raise.
                return got + sock.recv(100)

        reading = asyncio.create_task(asyncio.to_thread(read, asked.set))
        await asked.wait()
        await running.channel.finish(LONG)
        assert await reading == E5


async def test_the_serial_port_gives_its_answer_too(tmp_path: Path) -> None:
    link = tmp_path / "port"
    async with gateway([StrictMeter(5, "12345678")], allowance=LONG) as running:
        settings = SerialPortSettings.model_validate({"link": str(link)})
        channel = SerialPortChannel(settings, running.engine)
        doors = Doors([("plain_tcp", running.channel)], channel, lambda: True)
        await channel.start()
        file = os.open(link, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(file)
        running.answers.clear()
        os.write(file, nke(5).to_bytes())
        await running.asked.wait()
        finishing = asyncio.create_task(doors.finish(LONG))
        reading = asyncio.create_task(asyncio.to_thread(os.read, file, 1))
        running.answers.set()
        assert await reading == E5
        await finishing
        assert not link.exists()
        assert not doors.is_any_open
        os.close(file)


async def test_an_end_before_anything_was_open_is_no_trouble(tmp_path: Path) -> None:
    engine = BusEngine(BusSettings.model_validate({}))
    channel = SerialPortChannel(SerialPortSettings.model_validate({"link": str(tmp_path / "port")}), engine)
    await Doors([], channel, lambda: False).finish(LONG)
