"""Answers of several meters on the simulated bus, seen by their current alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from mbus.addressing import SecondaryAddress
from mbus.application.commands import req_ud2, select, snd_nke
from mbus.link.transaction import Ack, Expects, Fault, Garbled, Outcome, Reply
from mbus.procedures.search_secondary.search import search_secondary
from mbus.procedures.steps import Request
from mbusio.driver import run
from mbusmaster.bus.line.collisions import WatchedLine, marked
from mbusmaster.bus.line.reading import LineMonitorError, Sample
from mbusmaster.bus.line.watch import LineWatch
from mbusmaster.settings import LineSettings
from mbussim.bus import Bus
from mbussim.meter import PlainMeter, Traits
from support.simulatedline import SimulatedLine
from support.virtual_time import in_virtual_time

ANY = SecondaryAddress.from_text("FFFFFFFF")


def bus_of(*identifications: str, milliamperes: float = 15.0) -> Bus:
    meters = [
        PlainMeter(
            primary,
            SecondaryAddress.from_text(f"{identification}.KAM.1.4"),
            traits=Traits(milliamperes=milliamperes),
        )
        for primary, identification in enumerate(identifications, 1)
    ]
    return Bus.of(meters, collisions="clean")


class Meter:
    """Measures the simulated bus; may be slow, or fail."""

    has_switch = False
    is_quick = True
    slow = 0.0
    fails = False

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.looks = 0

    async def read(self) -> Sample:
        return Sample(await self.current(), 25.0)

    async def current(self) -> float:
        self.looks += 1
        await asyncio.sleep(self.slow)
        if self.fails:
            raise LineMonitorError("gone")
        return self.bus.milliamperes(asyncio.get_running_loop().time())

    async def feed(self, on: bool) -> None:
        pass

    async def close(self) -> None:
        pass


@asynccontextmanager
async def watched(bus: Bus, baud: int = 2400, source: Meter | None = None) -> AsyncIterator[WatchedLine]:
    """Give a line whose idle current has been learnt."""
    watch = LineWatch(source or Meter(bus), LineSettings(), name="main", changed=lambda: None)
    running = asyncio.create_task(watch.run())
    await asyncio.sleep(10)
    try:
        yield WatchedLine(SimulatedLine(bus, baud), watch)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def selection(mask: SecondaryAddress = ANY) -> Request:
    return Request(select(mask), Expects.ACK)


@pytest.mark.parametrize("baud", [300, 2400])
def test_a_clean_collision_of_acknowledgements_is_seen(baud: int) -> None:
    @in_virtual_time
    async def test() -> None:
        bus = bus_of("11111111", "22222222")
        plain = SimulatedLine(bus, baud)
        async with watched(bus, baud) as line:
            assert await plain.transact(selection()) == Ack()
            assert await line.transact(selection()) == Garbled(b"\xe5", Fault.COLLISION)

    test()


@pytest.mark.parametrize("baud", [300, 2400, 9600])
def test_a_meter_alone_is_never_marked_however_strong(baud: int) -> None:
    @in_virtual_time
    async def test() -> None:
        bus = bus_of("11111111", milliamperes=20.0)
        async with watched(bus, baud) as line:
            for _ in range(max(10, baud // 60)):
                assert await line.transact(selection()) == Ack()
                await asyncio.sleep(0.0137)
                reply = await line.transact(Request(req_ud2(253, fcb=True), Expects.RESPONSE))
                assert isinstance(reply, Reply)

    test()


@in_virtual_time
async def test_a_search_finds_all_and_only_those_are_marked_who_speak_together() -> None:
    bus = bus_of("11111111", "11111112", "20000000", "27000000", "90000001")
    async with watched(bus) as line:
        marks = 0

        class Counting:
            async def transact(self, request: Request) -> Outcome:
                nonlocal marks
                answers = bus.traffic.answers
                outcome = await line.transact(request)
                if isinstance(outcome, Garbled) and outcome.data == b"\xe5":
                    marks += 1
                    assert bus.traffic.answers - answers > 1
                return outcome

            async def set_baud(self, baud: int) -> None:
                await line.set_baud(baud)

        found = await run(search_secondary(), Counting())
    assert len(found) == 5
    assert marks > 0


@in_virtual_time
async def test_two_meters_at_one_primary_address_are_seen() -> None:
    bus = bus_of("11111111", "22222222")
    for meter in bus.meters:
        meter.primary = 7
    async with watched(bus) as line:
        assert isinstance(await line.transact(Request(snd_nke(7), Expects.ACK)), Garbled)


@pytest.mark.parametrize("trouble", ["slow", "fails", "network"])
def test_who_cannot_follow_an_answer_does_not_judge(trouble: str) -> None:
    @in_virtual_time
    async def test() -> None:
        bus = bus_of("11111111", "22222222")
        source = Meter(bus)
        async with watched(bus, source=source) as line:
            source.slow = 0.05 if trouble == "slow" else 0.0
            source.fails = trouble == "fails"
            source.is_quick = trouble != "network"
            assert await line.transact(selection()) == Ack()

    test()


@in_virtual_time
async def test_between_answers_the_line_is_looked_at_once_a_second() -> None:
    bus = bus_of("11111111")
    source = Meter(bus)
    async with watched(bus, source=source) as line:
        await line.transact(selection())
        looks = source.looks
        await asyncio.sleep(100)
        assert source.looks - looks <= 101


@in_virtual_time
async def test_a_load_that_appears_at_the_same_moment_is_no_collision() -> None:
    bus = bus_of("11111111")
    async with watched(bus) as line:
        bus.electrics.extra = 20.0
        assert await line.transact(selection()) == Ack()


def test_a_sound_reply_is_left_alone_and_damage_becomes_a_collision() -> None:
    reply = Reply(PlainMeter(1, SecondaryAddress.from_text("11111111.KAM.1.4")).reading(0)[0])
    assert marked(reply) is reply
    assert marked(Garbled(b"\x01", Fault.NOISE)) == Garbled(b"\x01", Fault.COLLISION)
