import asyncio

import pytest

from mbus.application.commands import set_baud, set_primary
from mbus.link.transaction import Ack
from mbusio.barrier import Verdict
from mbusio.errors import TransportOpenError
from mbusio.transport import MemoryTransport, Transport, memory_pair
from mbusmaster.bus.carried import Carried
from mbusmaster.bus.engine import BusEngine
from mbusmaster.bus.health import BusState
from mbusmaster.bus.line.sources import LineSource
from mbusmaster.bus.requests import Withheld
from mbusmaster.bus.writes import WriteSeen
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


class Reachable:
    """An engine on a converter in memory, with a meter that acknowledges everything."""

    def __init__(self, source: LineSource | None = None, **settings: object) -> None:
        self.converters = Converters(1)
        self.engine = BusEngine(
            BusSettings.model_validate({"url": "tcp://converter:10001", **settings}),
            open_transport=self.converters.open,
            source=source,
        )

    async def __aenter__(self) -> BusEngine:
        self.working = asyncio.create_task(self.engine.run())
        await self.engine.tried.wait()
        self.meter = asyncio.create_task(acknowledge(self.converters.far))
        return self.engine

    async def __aexit__(self, *_: object) -> None:
        self.working.cancel()
        await asyncio.wait({self.working})
        self.meter.cancel()
        await asyncio.wait({self.meter})


@in_virtual_time
async def test_who_wants_to_know_is_told_when_the_state_changes_and_only_then() -> None:
    async with Reachable() as engine:
        told: list[BusState] = []
        stop = engine.on_health(lambda health: told.append(health.state))
        client = engine.client("one")
        for _ in range(3):
            await client.transparent(nke(5), silent)
        assert told == [BusState.ACTIVE]
        await asyncio.sleep(10)
        assert told == [BusState.ACTIVE, BusState.IDLE]
        stop()
        stop()
        await client.transparent(nke(5), silent)
        await asyncio.sleep(10)
        assert len(told) == 2


@in_virtual_time
async def test_a_listener_that_fails_keeps_nothing_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async with Reachable() as engine:
        seen: list[Carried] = []

        def fail(_: Carried) -> None:
            raise ValueError("mine")

        engine.on_carried(fail)
        engine.on_carried(seen.append)
        assert await engine.client("one").transparent(nke(5), silent) == Ack()
    assert [one.client for one in seen] == ["one"]
    assert "a listener failed" in caplog.text


@in_virtual_time
async def test_traffic_and_counters_are_kept_and_clients_are_known() -> None:
    async with Reachable() as engine:
        client = engine.client("one", kind="plain tcp", source="10.0.0.9")
        await client.transparent(nke(5), silent)
        assert [entry.client for entry in engine.traffic.last()] == ["one"]
        assert [row.answers for row in engine.meters.all()] == [1]
        assert [user.kind for user in engine.users().clients] == ["plain tcp"]


@in_virtual_time
async def test_writes_pass_as_the_settings_say_and_are_told() -> None:
    told: list[WriteSeen] = []
    for setting, value in (("name", "main"), ("allow_writes", True), ("allow_baud_switch", True)):
        async with Reachable(None, **{setting: value}) as engine:
            engine.on_write(told.append)
            client = engine.client("one", source="10.0.0.9")
            await client.transparent(set_primary(5, 9), silent)
    assert [one.passed for one in told] == [False, True, False]


@in_virtual_time
async def test_a_baud_switch_is_undone_before_the_line_is_closed() -> None:
    async with Reachable(allow_baud_switch=True, url="/dev/ttyUSB0") as engine:
        client = engine.client("one")
        assert await client.transparent(set_baud(5, 9600), silent) == Ack()
    last = [(entry.baud, entry.frame.to_bytes().hex()) for entry in engine.traffic.last(3)]
    assert last == [
        (9600, "1040054516"),
        (9600, "6803036873" + "05bb3316"),
        (2400, "1040054516"),
    ]
