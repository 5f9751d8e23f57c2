import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbusio.tunnel.end import TunnelEnd, TunnelEndedError
from mbusio.tunnel.frames import WINDOW, EndCode, Frame, Kind
from support.carriers import MemoryCarrier, carriers, tunnel_ends


async def opened() -> tuple[TunnelEnd, MemoryCarrier]:
    """Give an end, and the connection of the other one in the test's hand."""
    here, there = carriers()
    end = TunnelEnd(here)
    end.start()
    await there.send(Frame.hello().to_bytes())
    return end, there


async def drained(end: TunnelEnd) -> TunnelEndedError:
    """Read until it has ended; give why."""
    while True:
        try:
            await end.read()
        except TunnelEndedError as error:
            return error


async def code_of(end: TunnelEnd) -> EndCode:
    with pytest.raises(TunnelEndedError) as error:
        await end.read()
    await end.close()
    return error.value.ended.code


async def test_bytes_pass_both_ways_and_the_way_is_measured() -> None:
    here, there = await tunnel_ends()
    await here.write(bytes(range(256)))
    assert await there.read() == bytes(range(256))
    await there.write(b"\xe5")
    assert await here.read() == b"\xe5"
    assert await here.round_trip() >= 0
    assert (here.sent, here.received, there.sent, there.received) == (256, 1, 1, 256)
    await here.close(EndCode.TIME, "enough")
    assert await code_of(there) is EndCode.TIME


async def test_who_sends_waits_for_who_does_not_read() -> None:
    here, there = await tunnel_ends()
    data = bytes(3 * WINDOW)
    writing = asyncio.create_task(here.write(data))
    for _ in range(200):
        await asyncio.sleep(0)
    assert not writing.done()
    assert here.sent == WINDOW
    taken = b""
    while len(taken) < len(data):
        taken += await there.read()
    await writing
    assert taken == data
    await here.close()
    await there.close()


async def test_what_came_before_the_end_is_read_and_then_the_reason() -> None:
    end, there = await opened()
    await there.send(Frame.data(0, b"ab").to_bytes() + Frame.end(EndCode.ENDED, "anna ended it").to_bytes())
    assert await end.read() == b"ab"
    with pytest.raises(TunnelEndedError, match="anna ended it"):
        await end.read()
    await end.close()


@pytest.mark.parametrize(
    "stream",
    [
        Frame.data(1, b"x").to_bytes(),
        Frame.ack(1).to_bytes(),
        b"\xff\xff\xff",
        b"".join(Frame.data(at, bytes(2048)).to_bytes() for at in range(0, WINDOW + 2048, 2048)),
    ],
)
async def test_what_cannot_be_ends_it(stream: bytes) -> None:
    end, there = await opened()
    await there.send(stream)
    assert (await drained(end)).ended.code is EndCode.BROKEN
    await end.close()


async def test_another_version_or_none_is_refused() -> None:
    for first in (Frame(Kind.HELLO, b"\x02"), Frame.data(0, b"x")):
        here, there = carriers()
        end = TunnelEnd(here)
        end.start()
        await there.send(first.to_bytes())
        assert await code_of(end) is EndCode.BROKEN


async def test_a_connection_that_ends_is_an_end() -> None:
    end, there = await opened()
    waiting = asyncio.create_task(end.round_trip())
    await asyncio.sleep(0)
    await there.close()
    assert await code_of(end) is EndCode.LOST
    with pytest.raises(TunnelEndedError):
        await waiting
    with pytest.raises(TunnelEndedError):
        await end.write(b"x")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=6))
def test_hostile_bytes_end_it_or_are_taken(pieces: list[bytes]) -> None:
    async def work() -> None:
        end, there = await opened()
        for piece in pieces:
            if piece:
                await there.send(piece)
        await there.close()
        async with asyncio.timeout(5):
            await drained(end)
        await end.close()

    asyncio.run(work())
