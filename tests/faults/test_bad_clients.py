"""Clients that do what no client should: the bus goes on serving the others, memory stays bounded, the log says it once."""

import asyncio
import random
import tracemalloc
from collections.abc import Iterator

import pytest

from mbus.link.frames import LongFrame
from mbusmaster.channels import session as session_module
from support.gateway import Gateway, Streams, ask, close, gateway
from support.sharedbus import StrictMeter, nke, req

E5 = b"\xe5"
MEGABYTE = 1 << 20


def meters() -> list[StrictMeter]:
    return [StrictMeter(5, "12345678")]


async def works(client: Streams, rounds: int = 3) -> None:
    for _ in range(rounds):
        assert await ask(client, nke(5).to_bytes(), 1) == E5


def lines(caplog: pytest.LogCaptureFixture, text: str) -> int:
    return sum(text in record.message for record in caplog.records)


@pytest.fixture
def peak() -> Iterator[list[int]]:
    """After the test body `[0]` is the most memory in bytes that Python held above the beginning."""
    tracemalloc.start()
    seen = [0]
    yield seen
    tracemalloc.stop()


async def flood(running: Gateway, chunk: bytes, total: int) -> Streams:
    client = await running.connect()
    for _ in range(total // len(chunk)):
        client[1].write(chunk)
        await client[1].drain()
    return client


@pytest.mark.parametrize("kind", ["random", "start bytes", "short starts", "zeros"])
async def test_ten_megabytes_without_a_frame(
    kind: str, caplog: pytest.LogCaptureFixture, peak: list[int]
) -> None:
    chunk = {
        "random": random.Random(1).randbytes(8192),
        "start bytes": b"\x68" * 8192,
        "short starts": b"\x10" * 8192,
        "zeros": bytes(8192),
    }[kind]
    async with gateway(meters()) as running:
        other = await running.connect()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        flooding = asyncio.create_task(flood(running, chunk, 10 * MEGABYTE))
        while not flooding.done():
            await works(other, 1)
        client = await flooding
        assert tracemalloc.get_traced_memory()[1] - before < MEGABYTE
        # After a pause it may be a client again.
        answer = asyncio.create_task(client[0].readexactly(1))
        while not answer.done():
            await asyncio.wait({answer}, timeout=0.3)
            client[1].write(nke(5).to_bytes())
        assert await answer == E5
        await close(client, other)
    assert lines(caplog, "bytes without a frame") == 1
    assert len(caplog.records) <= 3


async def test_half_frames_one_after_the_other() -> None:
    async with gateway(meters()) as running:
        bad, good = await running.connect(), await running.connect()
        for length in range(1, 17):
            bad[1].write(bytes.fromhex("680B0B6853FD5278563412FFFFFFFFB216")[:length])
            await works(good, 1)
        await close(bad, good)


async def test_two_hundred_connections() -> None:
    async with gateway(meters()) as running:
        good = await running.connect()
        await works(good)
        crowd = [await running.connect() for _ in range(200)]
        await works(good)
        assert running.channel.clients <= 100
        late = await running.connect()
        await works(late)
        await close(*crowd, good, late)


async def test_a_client_that_never_reads_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    meter = StrictMeter(5, "12345678")
    async with gateway([meter]) as running:
        good = await running.connect()
        deaf = await running.connect()
        await works(deaf, 1)
        session = running.channel.clients
        # The system's own buffers would take thousands of answers: the answers are made big where they leave.
        sink = bytes(MEGABYTE)
        original = meter.hear
        meter.hear = lambda frame: original(frame)  # type: ignore[method-assign]
        deaf[0]._transport.pause_reading()  # type: ignore[attr-defined]
        send = session_module.Session._send
        session_module.Session._send = lambda self, data: send(self, sink if len(data) > 1 else data)  # type: ignore[method-assign]
        try:
            for _ in range(60):
                deaf[1].write(req(5, 1).to_bytes())
                await works(good, 1)
                if running.channel.clients < session:
                    break
        finally:
            session_module.Session._send = send  # type: ignore[method-assign]
        assert running.channel.clients < session
        await works(good)
        await close(good)
        deaf[1].transport.abort()
    assert lines(caplog, "does not read its answers") == 1


async def test_a_client_that_dies_in_the_middle_of_an_answer() -> None:
    async with gateway(meters()) as running:
        good = await running.connect()
        for _ in range(5):
            dying = await running.connect()
            running.answers.clear()
            running.asked.clear()
            dying[1].write(req(5, 1).to_bytes())
            await running.asked.wait()
            dying[1].transport.abort()
            await asyncio.sleep(0)
            running.answers.set()
            await works(good)
        await close(good)


async def test_more_requests_than_a_client_may_have_waiting_wait_at_its_own_end() -> None:
    async with gateway(meters()) as running:
        eager, good = await running.connect(), await running.connect()
        eager[1].write(nke(5).to_bytes() * 40)
        await works(good)
        assert await eager[0].readexactly(40) == E5 * 40
        await close(eager, good)


async def test_requests_that_waited_in_the_network_are_all_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "READ_SIZE", 200)
    meter = StrictMeter(5, "12345678")
    async with gateway([meter]) as running:
        running.answers.clear()
        eager = await running.connect()
        eager[1].write(req(5, 1).to_bytes() * 100)
        await running.asked.wait()
        # Long enough that a request sent only now would mean that the first one was given up.
        await asyncio.sleep(2 * session_module.GIVEN_UP_SECONDS)
        running.answers.set()
        assert await eager[0].readexactly(100 * len(meter.telegram(0))) == meter.telegram(0) * 100
        await close(eager)


async def test_what_a_client_asked_before_it_died_does_not_keep_the_bus_busy() -> None:
    async with gateway(meters()) as running:
        running.answers.clear()
        dying, good = await running.connect(), await running.connect()
        dying[1].write(req(5, 1).to_bytes() * 15)
        await running.asked.wait()
        dying[1].close()
        running.answers.set()
        while running.channel.clients > 1:
            await works(good, 1)
        assert running.heard.count(req(5, 1).to_bytes()) < 10
        await close(good)


async def test_a_client_that_comes_again_and_again_with_the_same_fault_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with gateway(meters()) as running:
        for _ in range(5):
            client = await running.connect()
            client[1].write(LongFrame(0x53, 5, 0x51, b"\x01\x7a\x07").to_bytes())
            await works(client, 1)
            await close(client)
    assert lines(caplog, "write services are switched off") == 1
    assert lines(caplog, "plain tcp: client 127.0.0.1: set primary address to 7 at 5 not passed on") == 1
