"""The question that the gateway answers itself: is all done that this client asked?"""

from mbusio.barrier import BARRIER, BARRIER_ANSWER
from support.gateway import ask, close, gateway
from support.sharedbus import StrictMeter, nke

E5 = b"\xe5"
QUESTION, CONFIRMED = BARRIER.to_bytes(), BARRIER_ANSWER.to_bytes()


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
