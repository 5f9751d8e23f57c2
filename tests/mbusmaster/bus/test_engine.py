import asyncio
import json
from pathlib import Path

import pytest

from mbus.link.transaction import Ack
from mbusio.barrier import Verdict
from mbusio.errors import TransportOpenError
from mbusio.transport import MemoryTransport, Transport, memory_pair
from mbusmaster.bus import monitor as monitor_module
from mbusmaster.bus.engine import BusEngine
from mbusmaster.bus.health import BusState
from mbusmaster.bus.monitor import ControlSocketMonitor, LineMonitorError
from mbusmaster.bus.requests import Withheld
from mbusmaster.settings import BusSettings
from support.sharedbus import nke
from support.virtual_time import in_virtual_time


class Converters:
    """Opens as many converters as there are, then none."""

    def __init__(self, count: int) -> None:
        self.pairs = [memory_pair() for _ in range(count)]
        self.attempts = 0

    async def open(self, _: BusSettings) -> Transport:
        self.attempts += 1
        if not self.pairs:
            raise TransportOpenError("no such device")
        near, self.far = self.pairs.pop(0)
        return near


async def acknowledge(far: MemoryTransport) -> None:
    while True:
        request = await far.read()
        await asyncio.sleep(len(request) * 11 / 2400 + 0.02)
        await far.write(b"\xe5")


def state(engine: BusEngine) -> BusState:
    return engine.health.state


def silent(_: bytes) -> None:
    pass


@in_virtual_time
async def test_a_converter_that_vanishes_is_a_state_and_comes_back() -> None:
    converters = Converters(1)
    engine = BusEngine(BusSettings(url="tcp://converter:10001"), open_transport=converters.open)
    working = asyncio.create_task(engine.run())
    await engine.tried.wait()
    meter = asyncio.create_task(acknowledge(converters.far))
    client = engine.client("one")
    assert await client.transparent(nke(5), silent) == Ack()
    assert state(engine) is BusState.ACTIVE

    meter.cancel()
    await converters.far.close()
    await asyncio.sleep(1)
    assert state(engine) is BusState.FAULT
    assert await client.transparent(nke(5), silent) == Withheld(verdict=Verdict.DOWN)
    attempts = converters.attempts
    await asyncio.sleep(300)
    assert 5 < converters.attempts - attempts < 40

    converters.pairs.append(memory_pair())
    await asyncio.sleep(31)
    meter = asyncio.create_task(acknowledge(converters.far))
    assert await client.transparent(nke(5), silent) == Ack()
    for task in (meter, working):
        task.cancel()
    await asyncio.wait({working})


@in_virtual_time
async def test_an_adapter_that_was_away_for_long_is_found_within_seconds() -> None:
    converters = Converters(0)
    engine = BusEngine(BusSettings(url="/dev/ttyUSB0"), open_transport=converters.open)
    working = asyncio.create_task(engine.run())
    await asyncio.sleep(3600)
    assert state(engine) is BusState.FAULT
    converters.pairs.append(memory_pair())
    await asyncio.sleep(5)
    assert state(engine) is BusState.IDLE
    working.cancel()
    await asyncio.wait({working})


@in_virtual_time
async def test_a_converter_that_is_not_there_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    engine = BusEngine(BusSettings(), open_transport=Converters(0).open)
    working = asyncio.create_task(engine.run())
    await asyncio.sleep(600)
    working.cancel()
    await asyncio.wait({working})
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert engine.health.reason == "no such device"


async def monitor_server(answer: bytes, folder: Path) -> tuple[asyncio.Server, ControlSocketMonitor]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(serve, folder / "control")
    return server, ControlSocketMonitor(f"unix://{folder}/control")


STATE = {
    "ok": True,
    "current_ma": 31.5,
    "load_percent": 8.4,
    "temperature_c": 25.4,
    "shut_down": True,
    "line": "overload",
}


async def test_the_line_is_read_from_a_control_socket(tmp_path: Path) -> None:
    server, monitor = await monitor_server(json.dumps(STATE).encode() + b"\n", tmp_path)
    for _ in range(2):
        reading = await monitor.read()
        assert (reading.current, reading.load, reading.shut_down, reading.condition) == (
            31.5,
            8.4,
            True,
            "overload",
        )
    await monitor.close()
    server.close()


@pytest.mark.parametrize("answer", [b"\n", b"[]\n", b'{"ok": false}\n', b'{"ok": true}\n', b"half"])
async def test_a_monitor_that_talks_nonsense_is_an_error_of_our_tree(answer: bytes, tmp_path: Path) -> None:
    server, monitor = await monitor_server(answer, tmp_path)
    reading = asyncio.create_task(monitor.read())
    with pytest.raises(LineMonitorError):
        await reading
    server.close()


async def test_a_monitor_that_is_not_there_is_an_error_of_our_tree(tmp_path: Path) -> None:
    with pytest.raises(LineMonitorError):
        await ControlSocketMonitor(f"unix://{tmp_path}/nothing").read()


async def test_a_monitor_that_says_nothing_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_module, "ANSWER_SECONDS", 0.01)
    server, monitor = await monitor_server(b"", tmp_path)
    with pytest.raises(LineMonitorError, match="no answer"):
        await monitor.read()
    server.close()
