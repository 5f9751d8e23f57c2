"""One transaction on a line, in virtual time, with the other end in the test's hand."""

import asyncio
from collections.abc import Callable

import pytest

from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.transaction import Ack, Expects, Fault, Garbled, Reply, Silence
from mbus.procedures.steps import Request
from mbusio.errors import TransportClosedError
from mbusio.line import Line
from mbusio.trace import Direction, Trace
from mbusio.transport import MemoryTransport, memory_pair
from support.virtual_time import in_virtual_time

NKE = Request(ShortFrame(0x40, 1), Expects.ACK)
REQ = Request(ShortFrame(0x7B, 1), Expects.RESPONSE)
REQ_SELECTED = Request(ShortFrame(0x7B, 0xFD), Expects.RESPONSE)
BROADCAST = Request(ShortFrame(0x40, 0xFF), Expects.NOTHING)
RESPONSE = LongFrame(0x08, 1, 0x72, bytes(12))
WINDOW = 330 / 2400 + 0.050
CHARACTER = 11 / 2400
SHORT = 5 * CHARACTER


def now() -> float:
    return asyncio.get_running_loop().time()


def make(trace: Callable[[Trace], None] | None = None) -> tuple[Line, MemoryTransport]:
    near, far = memory_pair()
    return Line(near, trace=trace), far


async def answer(far: MemoryTransport, *pieces: bytes, delay: float = 0.05, pause: float = 0.0) -> bytes:
    """Take one request, wait until the wire has carried it and the meter has thought, answer."""
    request = await far.read()
    await asyncio.sleep(len(request) * CHARACTER + delay)
    for piece in pieces:
        await far.write(piece)
        await asyncio.sleep(pause)
    return request


@in_virtual_time
async def test_an_e5_is_an_ack() -> None:
    line, far = make()
    outcome, request = await asyncio.gather(line.transact(NKE), answer(far, b"\xe5"))
    assert outcome == Ack()
    assert request == bytes.fromhex("1040014116")


@in_virtual_time
async def test_a_response_byte_by_byte_is_a_reply() -> None:
    line, far = make()
    pieces = [bytes((byte,)) for byte in RESPONSE.to_bytes()]
    outcome, _ = await asyncio.gather(line.transact(REQ), answer(far, *pieces, pause=CHARACTER))
    assert outcome == Reply(RESPONSE)


@in_virtual_time
async def test_silence_takes_the_window_and_the_allowance_after_the_end_of_the_request() -> None:
    line, far = make()
    assert await line.transact(REQ) == Silence()
    assert now() == pytest.approx(SHORT + WINDOW + far.allowance, abs=0.006)


@in_virtual_time
async def test_a_request_may_bring_its_own_window() -> None:
    line, far = make()
    slow = Request(REQ.frame, REQ.expects, timeout=2.0)
    outcome, _ = await asyncio.gather(line.transact(slow), answer(far, RESPONSE.to_bytes(), delay=1.9))
    assert outcome == Reply(RESPONSE)


@in_virtual_time
async def test_a_broadcast_ends_when_the_wire_is_idle_again() -> None:
    line, _ = make()
    assert await line.transact(BROADCAST) == Silence()
    assert now() == pytest.approx(SHORT + 33 / 2400)
    assert line.counters.silence == 0


@in_virtual_time
async def test_two_frames_are_a_collision() -> None:
    line, far = make()
    outcome, _ = await asyncio.gather(line.transact(NKE), answer(far, b"\xe5", b"\xe5"))
    assert outcome == Garbled(b"\xe5\xe5", Fault.COLLISION)


@in_virtual_time
async def test_an_answer_that_stops_is_cut_short() -> None:
    line, far = make()
    outcome, _ = await asyncio.gather(line.transact(REQ), answer(far, RESPONSE.to_bytes()[:9]))
    assert outcome == Garbled(RESPONSE.to_bytes()[:9], Fault.CUT_SHORT)


@in_virtual_time
async def test_the_answer_of_another_meter_is_foreign() -> None:
    line, far = make()
    other = LongFrame(0x08, 2, 0x72, bytes(12)).to_bytes()
    outcome, _ = await asyncio.gather(line.transact(REQ), answer(far, other))
    assert outcome == Garbled(other, Fault.FOREIGN)


@in_virtual_time
async def test_an_echo_is_not_an_answer_and_is_not_streamed() -> None:
    line, far = make()
    streamed = bytearray()

    async def echo_then_answer() -> None:
        request = await far.read()
        await far.write(request[:2])
        await asyncio.sleep(SHORT)
        await far.write(request[2:])
        await asyncio.sleep(0.1)
        await far.write(RESPONSE.to_bytes())

    outcome, _ = await asyncio.gather(line.transact(REQ, on_bytes=streamed.extend), echo_then_answer())
    assert outcome == Reply(RESPONSE)
    assert streamed == RESPONSE.to_bytes()


@in_virtual_time
async def test_bytes_are_streamed_as_they_come() -> None:
    line, far = make()
    came: list[tuple[float, bytes]] = []
    whole = RESPONSE.to_bytes()

    def take(data: bytes) -> None:
        came.append((now(), data))

    await asyncio.gather(
        line.transact(REQ, on_bytes=take), answer(far, whole[:1], whole[1:7], whole[7:], pause=0.02)
    )
    assert [data for _, data in came] == [whole[:1], whole[1:7], whole[7:]]
    first = SHORT + 0.05
    assert [at for at, _ in came] == pytest.approx([first, first + 0.02, first + 0.04])


@in_virtual_time
async def test_a_listener_that_fails_does_not_end_the_transaction(caplog: pytest.LogCaptureFixture) -> None:
    line, far = make()

    def fail(_: bytes) -> None:
        raise ValueError("broken pipe")

    outcome, _ = await asyncio.gather(line.transact(NKE, on_bytes=fail), answer(far, b"\xe5"))
    assert outcome == Ack()
    assert len(caplog.records) == 1


@in_virtual_time
async def test_bytes_between_two_requests_are_late_and_belong_to_no_answer() -> None:
    line, far = make()
    assert await line.transact(NKE) == Silence()
    await far.read()
    await far.write(b"\xe5")
    outcome, _ = await asyncio.gather(line.transact(REQ), answer(far, RESPONSE.to_bytes()))
    assert outcome == Reply(RESPONSE, late=b"\xe5")
    assert line.stray == 1


@in_virtual_time
async def test_the_next_request_waits_until_the_line_is_idle() -> None:
    line, far = make()
    line.start()
    await far.write(b"\x00")
    started = now()
    await asyncio.gather(line.transact(NKE), answer(far, b"\xe5"))
    assert now() - started >= 33 / 2400


@in_virtual_time
async def test_a_line_that_babbles_is_not_talked_to() -> None:
    line, far = make()

    async def babble() -> None:
        while True:
            await far.write(b"\x55" * 10)
            await asyncio.sleep(0.01)

    babbling = asyncio.create_task(babble())
    outcome = await line.transact(NKE)
    babbling.cancel()
    assert isinstance(outcome, Garbled)
    assert outcome.why is Fault.BABBLE
    assert line.sent == 0


@in_virtual_time
async def test_requests_from_two_sides_follow_one_another() -> None:
    line, far = make()

    async def meter() -> None:
        for _ in range(2):
            assert len(await answer(far, b"\xe5")) == 5

    first, second, _ = await asyncio.gather(line.transact(NKE), line.transact(NKE), meter())
    assert first == second == Ack()


@in_virtual_time
async def test_a_cancelled_request_lets_its_answer_run_out_unheard() -> None:
    line, far = make()
    streamed = bytearray()
    asking = asyncio.create_task(line.transact(REQ, on_bytes=streamed.extend))
    await far.read()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    other = asyncio.create_task(line.transact(NKE))
    await asyncio.sleep(SHORT + 0.1)
    await far.write(RESPONSE.to_bytes())
    await answer(far, b"\xe5")
    assert await other == Ack()
    assert not streamed
    assert line.stray == 0


@in_virtual_time
async def test_a_request_cancelled_in_the_queue_is_never_sent() -> None:
    line, far = make()
    first = asyncio.create_task(line.transact(NKE))
    second = asyncio.create_task(line.transact(REQ))
    await asyncio.sleep(0)
    second.cancel()
    await answer(far, b"\xe5")
    assert await first == Ack()
    assert line.sent == 5


@in_virtual_time
async def test_a_transport_that_vanishes_ends_the_transaction() -> None:
    line, far = make()
    asking = asyncio.create_task(line.transact(REQ))
    await far.read()
    await far.close()
    with pytest.raises(TransportClosedError):
        await asking
    with pytest.raises(TransportClosedError):
        await line.transact(REQ)


@in_virtual_time
async def test_a_transport_that_vanishes_is_noticed_while_nothing_is_asked() -> None:
    line, far = make()
    waiting = asyncio.create_task(line.wait_lost())
    await asyncio.sleep(1)
    await far.close()
    assert "closed" in await waiting


@in_virtual_time
async def test_a_new_rate_is_used_after_quiet_at_both_rates() -> None:
    line, far = make()
    await asyncio.gather(line.transact(NKE), answer(far, b"\xe5"))
    await line.set_baud(300)
    assert line.transport.baud == 300
    started = now()
    assert await line.transact(NKE) == Silence()
    assert now() - started >= 33 / 300 + 5 * 11 / 300 + 330 / 300 + 0.05


@in_virtual_time
async def test_counters_and_trace_tell_what_passed() -> None:
    traces: list[Trace] = []
    line, far = make(traces.append)
    await asyncio.gather(line.transact(NKE), answer(far, b"\xe5"))
    await line.transact(REQ)
    await far.write(b"\x00")
    await asyncio.sleep(0)
    assert (line.counters.nke, line.counters.request, line.counters.silence) == (1, 1, 1)
    assert (line.sent, line.received, line.stray) == (10, 2, 1)
    assert [trace.direction for trace in traces] == [
        Direction.SENT, Direction.ANSWER, Direction.SENT, Direction.ANSWER, Direction.STRAY,
    ]  # fmt: skip
    assert [str(trace) for trace in traces[:4]] == [
        "> 10 40 01 41 16", "< E5", "> 10 7B 01 7C 16", "<  (silence)",
    ]  # fmt: skip


def adaptive() -> tuple[Line, MemoryTransport]:
    near, far = memory_pair()
    near.adaptive, near.allowance, near.gap = True, 2.0, 0.3
    return Line(near), far


async def silent_request_takes(line: Line, far: MemoryTransport, request: Request = NKE) -> float:
    started = now()
    assert isinstance(await line.transact(request), Silence)
    await far.read()
    return now() - started


async def answered_requests(line: Line, far: MemoryTransport, count: int) -> None:
    for _ in range(count):
        assert (await asyncio.gather(line.transact(NKE), answer(far, b"\xe5")))[0] == Ack()


@in_virtual_time
async def test_on_a_network_silence_takes_long_until_answers_have_shown_it_to_be_fast() -> None:
    line, far = adaptive()
    assert await silent_request_takes(line, far) > 2.0
    await answered_requests(line, far, 5)
    assert await silent_request_takes(line, far) < 0.4


@in_virtual_time
async def test_a_late_answer_after_silence_makes_the_line_patient_again_and_is_counted() -> None:
    line, far = adaptive()
    await answered_requests(line, far, 5)
    await silent_request_takes(line, far)
    await far.write(b"\xe5")
    assert await line.transact(REQ) == Silence(late=b"\xe5")
    await far.read()
    assert line.doubts == 1
    assert await silent_request_takes(line, far) > 2.0


@in_virtual_time
async def test_a_second_e5_after_an_ack_is_a_collision_not_lateness() -> None:
    line, far = adaptive()
    await answered_requests(line, far, 5)
    await far.write(b"\xe5")
    outcome, _ = await asyncio.gather(line.transact(NKE), answer(far, b"\xe5"))
    assert outcome == Ack(late=b"\xe5")
    assert line.doubts == 0


@in_virtual_time
async def test_silence_after_a_selection_was_acknowledged_makes_the_line_more_patient() -> None:
    line, far = adaptive()
    await answered_requests(line, far, 5)
    before = await silent_request_takes(line, far)
    await answered_requests(line, far, 1)
    await silent_request_takes(line, far, REQ_SELECTED)
    assert await silent_request_takes(line, far) > before + 0.1


@in_virtual_time
async def test_a_transport_that_takes_nothing_more_is_lost_though_its_reader_could_wait_for_ever() -> None:
    class Stuck(MemoryTransport):
        async def write(self, data: bytes) -> None:
            raise TransportClosedError("takes no more bytes")

    near, _ = memory_pair()
    near.__class__ = Stuck
    line = Line(near)
    with pytest.raises(TransportClosedError):
        await line.transact(NKE)
    assert await line.wait_lost() == "takes no more bytes"
    with pytest.raises(TransportClosedError):
        await line.transact(NKE)
