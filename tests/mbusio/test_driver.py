import asyncio

import pytest

from mbus.link.frames import ShortFrame
from mbus.link.transaction import Ack, Expects, Outcome
from mbus.procedures.found import Progress
from mbus.procedures.steps import BaudChange, Note, Pause, Procedure, Request
from mbusio.driver import run
from mbusio.errors import TransportClosedError
from support.virtual_time import in_virtual_time

NKE = Request(ShortFrame(0x40, 1), Expects.ACK)
PROGRESS = Progress(1, 2, 0, "primary 1")


class ScriptedBus:
    """Says Ack to everything and remembers what it was asked."""

    def __init__(self) -> None:
        self.steps: list[Request | int] = []
        self.error: Exception | None = None

    async def transact(self, request: Request) -> Outcome:
        if self.error is not None:
            raise self.error
        self.steps.append(request)
        await asyncio.sleep(0)
        return Ack()

    async def set_baud(self, baud: int) -> None:
        self.steps.append(baud)


class Conversation:
    """A procedure of every kind of step that tells when it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def steps(self) -> Procedure[str]:
        try:
            assert (yield NKE) == Ack()
            assert (yield BaudChange(9600)) is None
            assert (yield Pause(0.7)) is None
            assert (yield PROGRESS) is None
            assert (yield NKE) == Ack()
            return "done"
        finally:
            self.closed = True


@in_virtual_time
async def test_each_step_is_carried_out_and_the_result_returned() -> None:
    bus, notes = ScriptedBus(), list[Note]()
    assert await run(Conversation().steps(), bus, watch=notes.append) == "done"
    assert bus.steps == [NKE, 9600, NKE]
    assert notes == [PROGRESS]
    assert asyncio.get_running_loop().time() == pytest.approx(0.7)


@in_virtual_time
async def test_without_a_watcher_notes_pass_unseen() -> None:
    assert await run(Conversation().steps(), ScriptedBus()) == "done"


@in_virtual_time
async def test_cancelling_closes_the_procedure() -> None:
    conversation = Conversation()
    running = asyncio.create_task(run(conversation.steps(), ScriptedBus()))
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert conversation.closed


@in_virtual_time
async def test_a_lost_transport_closes_the_procedure_and_passes_through() -> None:
    conversation, bus = Conversation(), ScriptedBus()
    bus.error = TransportClosedError("unplugged")
    with pytest.raises(TransportClosedError, match="unplugged"):
        await run(conversation.steps(), bus)
    assert conversation.closed
