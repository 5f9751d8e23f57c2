"""The question that the gateway answers itself: is all done that this client asked?"""

import pytest

from mbus.application.commands import set_primary
from mbusio.barrier import BARRIER, Verdict
from mbusmaster.bus import client as module
from support.gateway import ask, close, gateway
from support.sharedbus import StrictMeter, nke

E5 = b"\xe5"
QUESTION = BARRIER.to_bytes()
CONFIRMED, BUSY, DOWN, REFUSED = (
    verdict.frame.to_bytes() for verdict in (Verdict.DONE, Verdict.BUSY, Verdict.DOWN, Verdict.REFUSED)
)


async def test_it_is_answered_behind_the_answer_and_never_reaches_the_bus() -> None:
    async with gateway([StrictMeter(5, "12345678")]) as running:
        client = await running.connect()
        assert await ask(client, nke(5).to_bytes() + QUESTION, 6) == E5 + CONFIRMED
        await close(client)
    assert running.heard == [nke(5).to_bytes()]


async def test_it_is_answered_behind_silence() -> None:
    async with gateway([StrictMeter(5, "12345678")]) as running:
        client = await running.connect()
        assert await ask(client, nke(7).to_bytes() + QUESTION, 5) == CONFIRMED
        await close(client)
    assert running.heard == [nke(7).to_bytes()]


async def test_it_takes_back_nothing_that_the_client_still_waits_for() -> None:
    meter = StrictMeter(5, "12345678")
    async with gateway([meter]) as running:
        client = await running.connect()
        running.answers.clear()
        client[1].write(nke(5).to_bytes())
        await running.asked.wait()
        client[1].write(QUESTION)
        running.answers.set()
        assert await client[0].readexactly(6) == E5 + CONFIRMED
        await close(client)


async def test_without_a_converter_silence_is_not_confirmed_but_the_bus_said_to_be_down() -> None:
    async with gateway([StrictMeter(5, "12345678")]) as running:
        client = await running.connect()
        assert await ask(client, nke(7).to_bytes() + QUESTION, 5) == CONFIRMED
        running.engine.arbiter.detach()
        assert await ask(client, nke(5).to_bytes() + QUESTION, 5) == DOWN
        assert await ask(client, QUESTION, 5) == DOWN
        await close(client)


async def test_a_converter_that_vanishes_while_a_request_waits_is_told() -> None:
    async with gateway([StrictMeter(5, "12345678")]) as running:
        one, two = await running.connect(), await running.connect()
        running.answers.clear()
        one[1].write(nke(5).to_bytes())
        await running.asked.wait()
        two[1].write(nke(5).to_bytes() + QUESTION)
        await two[1].drain()
        running.engine.arbiter.detach()
        assert await two[0].readexactly(5) == DOWN
        running.answers.set()
        await close(one, two)


async def test_a_write_that_is_not_passed_on_is_told_once() -> None:
    write = set_primary(5, new=6, fcb=True).to_bytes()
    async with gateway([StrictMeter(5, "12345678")]) as running:
        client = await running.connect()
        assert await ask(client, write + nke(7).to_bytes() + QUESTION, 5) == REFUSED
        assert await ask(client, nke(7).to_bytes() + QUESTION, 5) == CONFIRMED
        await close(client)
    assert running.heard == [nke(7).to_bytes()] * 2


async def test_a_request_that_waited_for_too_long_is_not_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with gateway([StrictMeter(5, "12345678")], allowance=5.0) as running:
        one, two = await running.connect(), await running.connect()
        running.answers.clear()
        one[1].write(nke(5).to_bytes())
        await running.asked.wait()
        monkeypatch.setattr(module, "PATIENCE", 0.01)
        assert await ask(two, nke(7).to_bytes() + QUESTION, 5) == BUSY
        running.answers.set()
        assert await one[0].readexactly(1) == E5
        await close(one, two)
    assert running.heard == [nke(5).to_bytes()]
