"""The simulator's electrical faults, through the engine of the gateway: the bus shuts down, says why, and comes back."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from mbus.link.transaction import Ack, Outcome
from mbusio.barrier import Verdict
from mbusio.transport import MemoryTransport, Transport, memory_pair
from mbusmaster.bus.engine import BusEngine
from mbusmaster.bus.health import BusState, Cause, Health
from mbusmaster.bus.line.reading import LineMonitorError, Sample, Trouble
from mbusmaster.bus.requests import Withheld, request_of
from mbusmaster.errors import BusDownError
from mbusmaster.settings import BusSettings
from support.sharedbus import nke
from support.system import running
from support.virtual_time import in_virtual_time

PATIENCE = 20.0


def silent(_: bytes) -> None:
    pass


async def ask_simulator(control: Path, **request: Any) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(control)
    writer.write(json.dumps(request).encode() + b"\n")
    answer: dict[str, Any] = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()
    assert answer["ok"], answer
    return answer


class Told:
    """Waits for what the engine tells of its health."""

    def __init__(self, engine: BusEngine) -> None:
        self.engine = engine
        self.changed = asyncio.Event()
        engine.on_health(lambda _: self.changed.set())

    async def until(self, state: BusState, cause: Cause = Cause.NONE) -> Health:
        async with asyncio.timeout(PATIENCE):
            while (health := self.engine.health).state is not state or health.cause is not cause:
                self.changed.clear()
                await self.changed.wait()
            return health


@asynccontextmanager
async def working(engine: BusEngine) -> AsyncIterator[None]:
    task = asyncio.create_task(engine.run())
    await engine.tried.wait()
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.process
async def test_each_electrical_fault_shuts_the_bus_down_and_it_comes_back(tmp_path: Path) -> None:
    link, control = tmp_path / "bus", tmp_path / "control"
    arguments = ["--meters", "3", "--pty", str(link), "--control", str(control), "--speed", "fast"]
    with running("mbussim", "serve", *arguments):
        settings = BusSettings.model_validate(
            {"url": f"serial://{link}", "line": {"monitor": f"unix://{control}", "back_after": 1}}
        )
        engine = BusEngine(settings)
        async with working(engine):
            told, client = Told(engine), engine.client("one")
            assert await client.transparent(nke(1), silent) == Ack()
            for trips, (fault, cause) in enumerate(
                [
                    ("short", Cause.SHORT_CIRCUIT),
                    ("overload", Cause.OVERLOAD),
                    ("heat", Cause.OVERTEMPERATURE),
                ],
                1,
            ):
                number = (await ask_simulator(control, do="fault", fault=fault))["number"]
                health = await told.until(BusState.SHUT_DOWN, cause)
                assert health.line is not None
                assert (health.line.shut_down, health.line.trips) == (True, trips)
                assert await client.transparent(nke(1), silent) == Withheld(verdict=Verdict.DOWN)
                with pytest.raises(BusDownError, match=f"the bus is shut down: {cause}"):
                    await client.transact(request_of(nke(1)))
                await ask_simulator(control, do="clear", number=number)
                await told.until(BusState.IDLE)
                assert await client.transparent(nke(1), silent) == Ack()
            reading = engine.health.line
            assert reading is not None
            assert (reading.idle, reading.unit_loads) == (4.5, 3.0)


class Wired:
    """A line with a current sensor and a switch; a short circuit draws only while it is fed."""

    is_quick = False
    has_switch = True

    def __init__(self) -> None:
        self.fed: list[bool] = []
        self.current_now = 30.0
        self.broken = False

    async def read(self) -> Sample:
        if self.broken:
            raise LineMonitorError("the sensor is gone")
        return Sample(self.current_now if self.fed and self.fed[-1] else 0.0, 30.0)

    async def current(self) -> float:
        return self.current_now

    async def feed(self, on: bool) -> None:
        self.fed.append(on)

    async def close(self) -> None:
        pass


@asynccontextmanager
async def switched() -> AsyncIterator[tuple[BusEngine, Wired, MemoryTransport]]:
    near, far = memory_pair()

    async def open_memory(_: BusSettings) -> Transport:
        return near

    line = Wired()
    engine = BusEngine(BusSettings(url="tcp://converter:10001"), open_transport=open_memory, source=line)
    async with working(engine):
        yield engine, line, far


async def acknowledge(far: MemoryTransport) -> None:
    while True:
        await far.read()
        await asyncio.sleep(0.04)
        await far.write(b"\xe5")


@in_virtual_time
async def test_the_supply_is_switched_off_and_on_again_and_waiting_requests_fail_at_once() -> None:
    async with switched() as (engine, line, far):
        with pytest.raises(BusDownError, match="the bus is being switched on"):
            await engine.client("zero").transact(request_of(nke(1)))
        await asyncio.sleep(5)
        meter = asyncio.create_task(acknowledge(far))
        client = engine.client("one")
        assert await client.transparent(nke(1), silent) == Ack()
        assert line.fed == [True]
        meter.cancel()
        line.current_now = 600.0
        others = [engine.client(f"client {number}") for number in range(3)]
        results: list[Outcome | BaseException] = await asyncio.gather(
            *(_until_refused(other) for other in others), return_exceptions=True
        )
        assert all(str(one) == "the bus is shut down: overload" for one in results), results
        assert line.fed == [True, False]
        assert engine.health.cause is Cause.OVERLOAD
        line.current_now = 30.0
        await asyncio.sleep(10)
        assert line.fed == [True, False, True]
        meter = asyncio.create_task(acknowledge(far))
        assert await client.transparent(nke(1), silent) == Ack()
        meter.cancel()
        assert engine.health.line is not None
        assert engine.health.line.trips == 1


async def _until_refused(client: Any) -> Outcome:
    for _ in range(100):
        await client.transact(request_of(nke(1)))
    return Ack()


@in_virtual_time
async def test_a_sensor_that_is_gone_is_logged_once_and_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with switched() as (engine, line, far):
        await asyncio.sleep(5)
        line.broken = True
        await asyncio.sleep(60)
        meter = asyncio.create_task(acknowledge(far))
        assert await engine.client("one").transparent(nke(1), silent) == Ack()
        meter.cancel()
        assert engine.health.line is None
    assert caplog.text.count("the sensor is gone") == 1
    assert Trouble.OVERLOAD not in caplog.text
