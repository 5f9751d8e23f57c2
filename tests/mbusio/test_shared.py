"""A bus behind a gateway, in virtual time, with the gateway in the test's hand."""

import asyncio

import pytest

from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.transaction import Ack, Expects, Garbled, Reply, Silence
from mbus.procedures.steps import Request
from mbusio.barrier import BARRIER, Verdict
from mbusio.errors import GatewayError, TransportClosedError
from mbusio.line import Line
from mbusio.shared import BUSY_TRIES, Gateway, SharedBus
from mbusio.transport import MemoryTransport, memory_pair
from support.virtual_time import in_virtual_time

NKE = Request(ShortFrame(0x40, 1), Expects.ACK)
BROADCAST = Request(ShortFrame(0x40, 0xFF), Expects.NOTHING)
E5 = b"\xe5"


class ScriptedGateway:
    """Answers requests in turn from a script; None is silence.

    :param confirms: whether it answers `BARRIER`.
    :ivar verdicts: its next answers to that; then it is `Verdict.DONE`.
    :ivar busy: seconds that another client holds the bus before the next request goes out.
    """

    def __init__(self, far: MemoryTransport, *answers: bytes | None, confirms: bool) -> None:
        self.busy = 0.0
        self.verdicts: list[Verdict] = []
        self.asked: list[bytes] = []
        self._far = far
        self._answers = list(answers)
        self._confirms = confirms
        self._task = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        unread = b""
        while True:
            unread += await self._far.read()
            while len(unread) >= 5:
                request, unread = unread[:5], unread[5:]
                await self._carry_out(request)

    async def _carry_out(self, request: bytes) -> None:
        if request == BARRIER.to_bytes():
            if self._confirms:
                verdict = self.verdicts.pop(0) if self.verdicts else Verdict.DONE
                await self._far.write(verdict.frame.to_bytes())
            return
        self.asked.append(request)
        busy, self.busy = self.busy, 0.0
        await asyncio.sleep(busy + 5 * 11 / 2400)
        answer = self._answers.pop(0)
        await asyncio.sleep(0.2 if answer is None else 0.05)
        if answer is not None:
            await self._far.write(answer)
            if self._answers and request[1] == 0x7B:
                await asyncio.sleep(0.02)
                await self._far.write(self._answers.pop(0) or b"")

    def stop(self) -> None:
        self._task.cancel()


def make(*answers: bytes | None, confirms: bool) -> tuple[SharedBus, ScriptedGateway, Line]:
    near, far = memory_pair()
    near.adaptive, near.allowance, near.gap = True, 2.0, 0.3
    line = Line(near)
    return SharedBus(line), ScriptedGateway(far, *answers, confirms=confirms), line


async def timed(bus: SharedBus, request: Request = NKE) -> tuple[object, float]:
    loop = asyncio.get_running_loop()
    started = loop.time()
    outcome = await bus.transact(request)
    return outcome, loop.time() - started


@in_virtual_time
async def test_the_first_silence_is_waited_for_and_the_gateway_asked() -> None:
    bus, _, _ = make(None, confirms=True)
    outcome, seconds = await timed(bus)
    assert outcome == Silence()
    assert seconds > 2.0
    assert bus.gateway is Gateway.CONFIRMS


@in_virtual_time
async def test_a_gateway_that_confirms_makes_silence_as_short_as_at_a_serial_port() -> None:
    bus, gateway, _ = make(None, None, confirms=True)
    await bus.transact(NKE)
    outcome, seconds = await timed(bus)
    assert outcome == Silence()
    assert seconds < 0.4
    assert len(gateway.asked) == 2


@in_virtual_time
async def test_an_answer_that_comes_behind_another_client_s_conversation_is_not_missed() -> None:
    bus, gateway, _ = make(None, E5, confirms=True)
    await bus.transact(NKE)
    gateway.busy = 5.0
    outcome, _ = await timed(bus)
    assert outcome == Ack()
    assert len(gateway.asked) == 2


@in_virtual_time
async def test_a_late_first_answer_is_the_answer_once_the_gateway_has_confirmed() -> None:
    bus, gateway, _ = make(E5, confirms=True)
    gateway.busy = 3.0
    outcome, _ = await timed(bus)
    assert outcome == Ack()
    assert len(gateway.asked) == 1


@in_virtual_time
async def test_a_response_that_contains_the_confirmation_s_bytes_does_not_end_early() -> None:
    response = LongFrame(0x08, 1, 0x78, b"\x0f" + Verdict.DONE.frame.to_bytes() + b"\x00" * 20)
    data = response.to_bytes()
    bus, _, _ = make(None, data[:13], data[13:], confirms=True)
    await bus.transact(NKE)
    outcome, _ = await timed(bus, Request(ShortFrame(0x7B, 1), Expects.RESPONSE))
    assert outcome == Reply(response)


@in_virtual_time
async def test_a_collision_that_claims_to_be_a_long_frame_ends_with_the_confirmation() -> None:
    bus, _, _ = make(None, b"\x68\xf3\xf3\x68\x00", confirms=True)
    await bus.transact(NKE)
    outcome, seconds = await timed(bus)
    assert isinstance(outcome, Garbled)
    assert seconds < 1.0


@in_virtual_time
async def test_a_gateway_that_falls_silent_after_it_confirmed_is_gone() -> None:
    bus, gateway, _ = make(None, confirms=True)
    await bus.transact(NKE)
    gateway.stop()
    with pytest.raises(TransportClosedError, match="said nothing for 30 s"):
        await bus.transact(NKE)


@in_virtual_time
async def test_silence_behind_another_client_s_conversation_is_believed_when_it_is_over() -> None:
    bus, gateway, _ = make(None, None, confirms=True)
    await bus.transact(NKE)
    gateway.busy = 1.3
    outcome, seconds = await timed(bus)
    assert outcome == Silence()
    assert 1.5 < seconds < 1.6
    assert len(gateway.asked) == 2


@in_virtual_time
async def test_a_plain_gateway_is_asked_once_and_silence_stays_long() -> None:
    bus, gateway, line = make(None, None, confirms=False)
    assert (await timed(bus))[0] == Silence()
    assert bus.gateway is Gateway.PLAIN
    sent = line.sent
    outcome, seconds = await timed(bus)
    assert outcome == Silence()
    assert seconds > 2.0
    assert line.sent - sent == 5
    assert len(gateway.asked) == 2


@in_virtual_time
async def test_broadcasts_are_confirmed_by_nobody() -> None:
    bus, _, line = make(None, confirms=True)
    await bus.transact(BROADCAST)
    assert line.sent == 5
    assert bus.gateway is Gateway.UNKNOWN


@in_virtual_time
async def test_questions_to_the_gateway_are_not_counted_as_requests_to_meters() -> None:
    bus, _, _ = make(None, E5, confirms=True)
    await bus.transact(NKE)
    await bus.transact(NKE)
    assert (bus.counters.nke, bus.counters.silence, bus.counters.garbled) == (2, 1, 0)


@pytest.mark.parametrize("asked_before", [0, 1])
@pytest.mark.parametrize(
    ("verdict", "says"), [(Verdict.DOWN, "no connection to its bus"), (Verdict.REFUSED, "allow_writes")]
)
@in_virtual_time
async def test_silence_that_the_gateway_does_not_confirm_is_an_error_with_its_reason(
    verdict: Verdict, says: str, asked_before: int
) -> None:
    bus, gateway, _ = make(None, None, confirms=True)
    for _ in range(asked_before):
        await bus.transact(NKE)
    gateway.verdicts = [verdict]
    with pytest.raises(GatewayError, match=says):
        await bus.transact(NKE)


@pytest.mark.parametrize("asked_before", [0, 1])
@in_virtual_time
async def test_what_the_gateway_had_no_time_for_is_asked_again(asked_before: int) -> None:
    bus, gateway, _ = make(*[None] * asked_before, None, None, E5, confirms=True)
    for _ in range(asked_before):
        await bus.transact(NKE)
    gateway.verdicts = [Verdict.BUSY, Verdict.BUSY]
    assert await bus.transact(NKE) == Ack()


@in_virtual_time
async def test_a_gateway_that_never_has_time_is_given_up() -> None:
    bus, gateway, _ = make(*[None] * (BUSY_TRIES + 1), confirms=True)
    gateway.verdicts = [Verdict.BUSY] * (BUSY_TRIES + 1)
    with pytest.raises(GatewayError, match="busy"):
        await bus.transact(NKE)


@in_virtual_time
async def test_an_answer_counts_whatever_became_of_the_bus_behind_it() -> None:
    bus, gateway, _ = make(None, E5, confirms=True)
    await bus.transact(NKE)
    gateway.verdicts = [Verdict.DOWN]
    assert await bus.transact(NKE) == Ack()
