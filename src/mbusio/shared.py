"""A bus behind a gateway that others may use too: silence is believed when the gateway confirms it, or after a long wait.

Until the first silence nobody knows whether the gateway answers `BARRIER`; the first silence is waited for as long as the path
may ever take, then the gateway is asked.

=============  ==========================================================  ==========================================
gateway        wait for silence                                            then
=============  ==========================================================  ==========================================
unknown        window + the transport's allowance                          ask once: it confirms, or it is plain
confirms       window + `CONFIRMED_ALLOWANCE`                              silent when confirmed; else asked again
plain          window + what was learned (`mbusio.allowance`)              believed
=============  ==========================================================  ==========================================
"""

from enum import Enum
from typing import Final

from mbus.link.transaction import Expects, Garbled, Outcome, Silence
from mbus.procedures.counters import Counters
from mbus.procedures.steps import Request
from mbusio.barrier import BARRIER, BARRIER_ANSWER
from mbusio.line import Line

CONFIRMED_ALLOWANCE: Final = 0.050
"""Seconds for the path alone, as at a serial port: whatever else delays an answer, the gateway knows."""
CONFIRM_SECONDS: Final = 15.0
"""Longest wait for a confirmation: some clients' longest conversations at 2400 baud."""
REPEATS: Final = 5
"""How often a request whose answer came too late is sent again."""


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
        """Carry out one transaction; `Silence` means that the meter was asked and did not answer."""
        outcome = await self._ask(request)
        if request.expects is Expects.NOTHING:
            return outcome
        for _ in range(REPEATS):
            if not isinstance(outcome, Silence) or self.gateway is Gateway.PLAIN:
                break
            if await self._is_confirmed():
                return outcome
            outcome = await self._ask(request)
        return outcome

    async def set_baud(self, baud: int) -> None:
        """Use another rate from now on."""
        await self._line.set_baud(baud)

    async def _ask(self, request: Request) -> Outcome:
        outcome = await self._line.transact(request)
        self.counters.count(request, outcome)
        return outcome

    async def _is_confirmed(self) -> bool:
        """Ask the gateway whether silence was silence; tell false when the request has to be sent again."""
        known = self.gateway is Gateway.CONFIRMS
        wait = CONFIRM_SECONDS if known else None
        outcome = await self._line.transact(Request(BARRIER, Expects.RESPONSE, timeout=wait))
        heard = outcome.data if isinstance(outcome, Garbled) else b""
        if not known:
            self._decide(heard.endswith(BARRIER_ANSWER.to_bytes()))
        # Bytes before the confirmation are the answer that came too late.
        return heard == BARRIER_ANSWER.to_bytes() or (not known and not heard)

    def _decide(self, confirms: bool) -> None:
        self.gateway = Gateway.CONFIRMS if confirms else Gateway.PLAIN
        self._line.known_allowance = CONFIRMED_ALLOWANCE if confirms else None
