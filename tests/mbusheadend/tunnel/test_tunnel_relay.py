import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbusheadend.courier import MAX_MESSAGE, MOST_WAITING
from mbusheadend.tunnel import CourierHere, CourierLostError
from mbusheadend.tunnel.envelope import Envelope, Part, to_master, to_operator
from mbusheadend.tunnel.relay import Half, Limits
from mbusheadend.tunnel.wire import Wire
from mbusio.tunnel.end import Ended
from mbusio.tunnel.frames import WINDOW, Decoder, EndCode, Frame, Kind

LONG = Limits(3600.0, 3600.0)
ID = "tunnel-1"


@dataclass
class Hand:
    """A half with its connection in the test's hand.

    :ivar heard: what the other half is told.
    """

    half: Half
    running: asyncio.Task[Ended]
    came: asyncio.Queue[dict[str, Any]]
    sent: bytearray
    courier: CourierHere
    heard: Any
    stuck: asyncio.Event

    async def says(self, data: bytes) -> None:
        """Let who is on the wire send bytes."""
        await self.came.put({"type": "http.request", "body": data, "more_body": True})

    async def other_says(self, frames: bytes, number: int = 0) -> None:
        await self.courier.publish(to_operator(ID), Envelope(Part.FRAMES, number, frames).to_bytes())

    async def ended(self) -> Ended:
        async with asyncio.timeout(10):
            return await self.running

    @property
    def told(self) -> list[Frame]:
        """What who is on the wire was sent."""
        return Decoder().feed(bytes(self.sent))


async def nobody_objects() -> str:
    return ""


@asynccontextmanager
async def half(
    limits: Limits = LONG, objection: Callable[[], Any] = nobody_objects, *, stuck: bool = False
) -> AsyncIterator[Hand]:
    courier, came, sent, free = CourierHere(), asyncio.Queue[dict[str, Any]](), bytearray(), asyncio.Event()
    if not stuck:
        free.set()

    async def send(message: Any) -> None:
        await free.wait()
        sent.extend(message["body"])

    async with courier.subscribe(to_operator(ID)) as mine, courier.subscribe(to_master(ID)) as theirs:
        wire = Wire(came.get, send)
        one = Half(courier, mine, to_master(ID), wire, "the program", limits, objection)
        running = asyncio.create_task(one.run())
        yield Hand(one, running, came, sent, courier, theirs, free)
        free.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_frames_pass_both_ways_and_the_end_with_its_reason() -> None:
    async with half() as hand:
        await hand.says(Frame.hello().to_bytes() + Frame.data(0, b"\x10\x5b").to_bytes())
        envelope = Envelope.from_bytes(await hand.heard.receive())
        assert (envelope.part, envelope.number) == (Part.FRAMES, 0)
        assert Decoder().feed(envelope.content) == [Frame.hello(), Frame.data(0, b"\x10\x5b")]
        await hand.other_says(Frame.data(0, b"\xe5").to_bytes() + Frame.ack(2).to_bytes())
        await hand.other_says(Frame.end(EndCode.ENDED, "anna ended it").to_bytes(), 1)
        assert await hand.ended() == Ended(EndCode.ENDED, "anna ended it")
        assert hand.told == [Frame.data(0, b"\xe5"), Frame.ack(2), Frame.end(EndCode.ENDED, "anna ended it")]
        assert (hand.half.up, hand.half.down) == (2, 1)


@pytest.mark.parametrize(
    "stream",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        Frame.data(0, b"x").to_bytes(),
        Frame(Kind.HELLO, b"\x07").to_bytes(),
        Frame.hello().to_bytes() * 2,
        Frame.hello().to_bytes() + Frame.data(5, b"x").to_bytes(),
        Frame.hello().to_bytes() + Frame.ack(1).to_bytes(),
        Frame.hello().to_bytes() + Frame(Kind.PING, bytes(8)).to_bytes() * 1000,
        Frame.hello().to_bytes()
        + b"".join(Frame.data(at, bytes(2048)).to_bytes() for at in range(0, 2 * WINDOW, 2048)),
    ],
)
async def test_who_sends_what_cannot_be_is_cut_off_and_the_other_hears_of_it(stream: bytes) -> None:
    async with half() as hand:
        await hand.says(stream)
        assert (await hand.ended()).code is EndCode.BROKEN
        assert hand.told[-1].reason[0] is EndCode.BROKEN
        decoder, number = Decoder(), 0
        while True:
            envelope = Envelope.from_bytes(await hand.heard.receive())
            assert envelope.number == number
            number += 1
            frames = decoder.feed(envelope.content)
            if frames and frames[-1].kind is Kind.END:
                assert frames[-1].reason[0] is EndCode.BROKEN
                return


async def test_a_message_that_is_missing_ends_it_and_none_of_what_follows_passes() -> None:
    async with half() as hand:
        await hand.other_says(Frame.data(0, b"a").to_bytes(), 0)
        await hand.other_says(Frame.data(1, b"b").to_bytes(), 2)
        assert (await hand.ended()).code is EndCode.LOST
        assert [frame.kind for frame in hand.told] == [Kind.DATA, Kind.END]


async def test_who_reads_nothing_costs_a_bounded_queue_and_the_tunnel() -> None:
    async with half(stuck=True) as hand:
        for number in range(MOST_WAITING + 50):
            await hand.other_says(Frame.data(number, b"x").to_bytes(), number)
        await asyncio.sleep(0)
        hand.stuck.set()
        assert (await hand.ended()).code is EndCode.LOST
        assert hand.half.down < MOST_WAITING + 10


async def test_time_and_idleness_end_it() -> None:
    for limits, code in ((Limits(0.05, 10.0), EndCode.TIME), (Limits(10.0, 0.05), EndCode.IDLE)):
        async with half(limits) as hand:
            assert (await hand.ended()).code is code
            assert hand.told[-1].reason[0] is code


async def test_who_is_trusted_no_more_must_go_at_once() -> None:
    objections = [""]

    async def objection() -> str:
        return objections[0]

    async with half(objection=objection) as hand:
        hand.half.look()
        await asyncio.sleep(0)
        objections[0] = "the token was revoked"
        hand.half.look()
        assert await hand.ended() == Ended(EndCode.REVOKED, "the token was revoked")


async def test_it_does_not_outlive_what_looks_after_it() -> None:
    async def objection() -> str:
        raise ValueError("nobody thought of that")

    async with half(objection=objection) as hand:
        hand.half.look()
        assert (await hand.ended()).code is EndCode.LOST


async def test_a_connection_that_is_gone_ends_it_and_the_other_hears_of_it() -> None:
    async with half() as hand:
        await hand.came.put({"type": "http.disconnect"})
        assert (await hand.ended()).code is EndCode.LOST
        assert Decoder().feed(Envelope.from_bytes(await hand.heard.receive()).content)[0].kind is Kind.END
        assert not hand.sent


async def test_anybody_of_the_head_end_can_stop_it() -> None:
    async with half() as hand:
        stop = Envelope(Part.STOP, 0, Frame.end(EndCode.ENDED, "anna ended it").payload)
        await hand.courier.publish(to_operator(ID), stop.to_bytes())
        assert await hand.ended() == Ended(EndCode.ENDED, "anna ended it")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=5), st.lists(st.binary(max_size=200), max_size=5))
def test_hostile_bytes_on_either_side_end_it_or_pass(wire: list[bytes], other: list[bytes]) -> None:
    async def work() -> None:
        async with half() as hand:
            for data in wire:
                await hand.says(data)
            for message in other:
                await hand.courier.publish(to_operator(ID), message)
            await hand.came.put({"type": "http.disconnect"})
            assert (await hand.ended()).code in EndCode

    asyncio.run(work())


async def test_the_courier_keeps_the_order_and_says_what_it_lost() -> None:
    courier = CourierHere()
    await courier.publish("t", b"to nobody")
    async with courier.subscribe("t") as one, courier.subscribe("t") as other:
        for number in range(3):
            await courier.publish("t", bytes([number]))
        assert [await one.receive() for _ in range(3)] == [b"\0", b"\1", b"\2"]
        for _ in range(MOST_WAITING):
            await courier.publish("t", b"x")
        for _ in range(MOST_WAITING):
            await other.receive()
        with pytest.raises(CourierLostError):
            await other.receive()
        assert await one.receive() == b"x"
    with pytest.raises(ValueError, match="too long"):
        await courier.publish("t", bytes(MAX_MESSAGE + 1))
