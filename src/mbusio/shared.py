"""A bus behind a gateway that others may use too: silence is believed when the gateway confirms it, or after a long wait.

=============  ==================================================  ==================================================
gateway        a request                                           silence is
=============  ==================================================  ==================================================
unknown        with the longest wait; behind silence the barrier   believed, and shows which kind of gateway it is
confirms       together with the barrier                           nothing in front of the gateway's verdict
plain          with the wait that was learned                      believed (`mbusio.allowance` says how far)
=============  ==================================================  ==================================================

Silence that the gateway does not confirm is none: what it had no time for is asked again, and a bus that is down or a request
that it does not pass on is an error.
"""

from enum import Enum
from typing import Final

from mbus.link.transaction import Expects, Outcome, Silence, Timing, Transaction
from mbus.procedures.counters import Counters
from mbus.procedures.steps import Request
from mbusio.barrier import BARRIER, Confirmation, Verdict
from mbusio.errors import GatewayError, TransportClosedError
from mbusio.line import Line

CONFIRM_SECONDS: Final = 30.0
"""A gateway that has confirmed before and is silent for so long is gone."""
BUSY_TRIES: Final = 30
"""So often a gateway may say that it had no time for a request."""
_REASONS: Final = {
    Verdict.BUSY: "other clients keep the bus of the gateway busy; try again later",
    Verdict.DOWN: "the gateway has no connection to its bus; its log says why",
    Verdict.REFUSED: "the gateway does not pass this on to the bus; write services need its setting allow_writes, "
    "baud rate changes allow_baud_switch (its log says why)",
}


class Gateway(Enum):
    """What is known of the gateway."""

    UNKNOWN = "unknown"
    CONFIRMS = "confirms"
    PLAIN = "plain"


class SharedBus:
    """Carries out requests of one client on a line whose other end has other clients.

    :ivar gateway: what is known of it.
    :ivar counters: what was asked of meters; questions to the gateway are not among them.
    """

    def __init__(self, line: Line) -> None:
        self.gateway = Gateway.UNKNOWN
        self.counters = Counters()
        self._line = line
        line.known_allowance = line.transport.allowance

    async def transact(self, request: Request) -> Outcome:
        """Carry out one transaction; raise `TransportClosedError` when the gateway is gone.

        Raise `GatewayError` when the gateway says that it did not carry it out.
        """
        if self.gateway is Gateway.CONFIRMS:
            outcome = await self._ask_with_barrier(request)
        else:
            outcome = await self._line.transact(request)
            if isinstance(outcome, Silence) and request.expects is not Expects.NOTHING:
                outcome = await self._doubt(request, outcome)
        self.counters.count(request, outcome)
        return outcome

    async def set_baud(self, baud: int) -> None:
        """Use another rate from now on."""
        await self._line.set_baud(baud)

    async def _ask_with_barrier(self, request: Request) -> Outcome:
        for _ in range(BUSY_TRIES):
            confirmation = Confirmation(CONFIRM_SECONDS, self._line.transport.gap)
            heard = await self._line.converse(request.frame.to_bytes() + BARRIER.to_bytes(), confirmation)
            if confirmation.verdict is None:
                raise TransportClosedError(
                    f"{self._line.transport.name} has said nothing for {CONFIRM_SECONDS:.0f} s; try again"
                )
            if confirmation.verdict is not Verdict.BUSY:
                return self._confirmed(request, heard, confirmation.verdict)
        raise self._error(Verdict.BUSY)

    async def _doubt(self, request: Request, silence: Silence) -> Outcome:
        """Learn from the first silence what the gateway is; give what the request met."""
        if self.gateway is Gateway.PLAIN:
            return silence
        transport = self._line.transport
        confirmation = Confirmation(self._line.answer_window, transport.gap)
        heard = await self._line.converse(BARRIER.to_bytes(), confirmation)
        if confirmation.verdict is not None:
            self.gateway = Gateway.CONFIRMS
            if confirmation.verdict is Verdict.BUSY:
                return await self._ask_with_barrier(request)
            return self._confirmed(request, heard, confirmation.verdict)
        self.gateway = Gateway.PLAIN
        self._line.known_allowance = None
        # Bytes that came nevertheless are most likely the answer, too late.
        return await self._line.transact(request) if heard else silence

    def _confirmed(self, request: Request, answer: bytes, verdict: Verdict) -> Outcome:
        if not answer and verdict is not Verdict.DONE:
            raise self._error(verdict)
        return self._judge(request, answer)

    def _error(self, verdict: Verdict) -> GatewayError:
        return GatewayError(f"{self._line.transport.name}: {_REASONS[verdict]}")

    def _judge(self, request: Request, answer: bytes) -> Outcome:
        """Tell what the bytes of a whole answer are: as on a wire, only that time has passed already."""
        transaction = Transaction(request.frame, request.expects, Timing(self._line.baud), 0.0)
        transaction.transmitted(0.0)
        transaction.received(answer, 1.0)
        transaction.expire(float("inf"))
        assert transaction.outcome is not None
        return transaction.outcome


def bus_of(line: Line) -> Line | SharedBus:
    """Give what procedures run on: the line itself, or with care for other clients where it leads to a gateway."""
    return SharedBus(line) if line.transport.adaptive else line
