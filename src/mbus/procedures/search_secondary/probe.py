"""One mask on the bus: select, ask for the reading where that is wanted, and say what is proven (MBUS.md 3.2, 3.4).

Several E5 at the same instant add up to a sound E5, so an acknowledgement proves at least one meter, never exactly one. One
meter alone is proven by a sound reply whose identity fits the mask and by nothing else that spoke. What speaks too late shows in
the next transaction and takes the earlier verdict back (`Prober.belated`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from mbus.addressing import SELECTED, SecondaryAddress
from mbus.application.commands import req_ud2, select, snd_nke
from mbus.application.header import fits, identity_of
from mbus.link.frames import ACK
from mbus.link.transaction import Ack, Expects, Fault, Garbled, Outcome, Reply, Silence
from mbus.procedures.found import FoundMeter
from mbus.procedures.steps import Pause, Procedure, Request, ask

BUSY_PAUSE: Final = 0.1
"""Seconds that a meter gets which answers a request for data by E5: it is busy (MBUS.md 2.5)."""
LIKELY: Final = 0.5
"""Probability above which a poor answer is taken for the collision that was expected, and not asked for again."""


class Verdict(Enum):
    """What an examined mask holds, as far as it is proven."""

    EMPTY = "empty"
    SOME = "at least one meter"
    SEVERAL = "at least two meters"
    ALONE = "exactly one meter"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one mask.

    :ivar meter: who replied soundly; with `Verdict.SEVERAL` somebody else spoke too.
    """

    verdict: Verdict
    meter: FoundMeter | None = None


class Prober:
    """Examines masks; remembers only what the previous transaction was about.

    :param tries: how often a question is put before its answer is taken as it is.
    :ivar transactions: so far.
    :ivar last_meter_at: value of `transactions` when a meter last replied soundly.
    """

    def __init__(self, tries: int) -> None:
        self.transactions = 0
        self.last_meter_at = 0
        self._tries = tries
        self._previous: SecondaryAddress | None = None
        self._belated: list[SecondaryAddress] = []

    def belated(self) -> Iterator[SecondaryAddress]:
        """Give the masks, once each, about which bytes came after the verdict: somebody there has not been heard."""
        while self._belated:
            yield self._belated.pop()

    def deselect(self) -> Procedure[None]:
        """Clear every selection; whether and how that is answered says nothing."""
        yield from ask(Request(snd_nke(SELECTED), Expects.ACK))

    def examine(
        self, mask: SecondaryAddress, *, several: float = 0.0, request: bool = True
    ) -> Procedure[Finding]:
        """Select a mask and, where it answers and `request` says so, find out whether it is one meter.

        :param several: probability that what answers is several meters; the higher, the sooner a poor answer is believed.
        """
        for _ in range(self._tries):
            outcome = yield from self._select(mask, several)
            if isinstance(outcome, Silence):
                return Finding(Verdict.EMPTY)
            if not isinstance(outcome, Ack):
                return Finding(Verdict.SEVERAL)
            if not request:
                return Finding(Verdict.SOME)
            finding = yield from self._request(mask, several)
            if finding is not None:
                return finding
        return Finding(Verdict.SOME)

    def _select(self, mask: SecondaryAddress, several: float) -> Procedure[Outcome]:
        """Ask until an answer is plausible: noise alone proves nothing, and a foreign frame is nobody's acknowledgement."""
        outcome: Outcome = Silence()
        for attempt in range(self._tries):
            outcome = yield from self._ask(mask, Request(select(mask), Expects.ACK))
            if isinstance(outcome, Ack) or (isinstance(outcome, Silence) and not outcome.late):
                return outcome
            foreign = isinstance(outcome, Garbled) and outcome.why is Fault.FOREIGN
            if isinstance(outcome, Garbled) and not foreign and (several >= LIKELY or attempt):
                return outcome
        return outcome

    def _request(self, mask: SecondaryAddress, several: float) -> Procedure[Finding | None]:
        """Ask the selected for data; None when the mask should be selected and asked anew."""
        for attempt in range(self._tries):
            outcome = yield from self._ask(mask, Request(req_ud2(SELECTED, fcb=True), Expects.RESPONSE))
            if isinstance(outcome, Reply):
                return self._judge(mask, outcome)
            if ACK in outcome.late and not isinstance(outcome, Silence):
                return Finding(Verdict.SEVERAL)
            if isinstance(outcome, Garbled) and (several >= LIKELY or attempt):
                return Finding(Verdict.SEVERAL)
            if isinstance(outcome, Silence) and (several >= LIKELY or attempt):
                return Finding(Verdict.SOME)
            if isinstance(outcome, Ack):
                yield Pause(BUSY_PAUSE)
        return Finding(Verdict.SOME)

    def _judge(self, mask: SecondaryAddress, reply: Reply) -> Finding | None:
        identity = identity_of(reply.frame)
        if identity is not None and not fits(mask, identity):
            return None
        remarks = []
        if identity is None:
            remarks.append(f"says not who it is; selected by {mask}")
        if reply.noise:
            remarks.append("noise in front of the answer")
        self.last_meter_at = self.transactions
        meter = FoundMeter(reply.frame.address, identity, reply.frame, "; ".join(remarks))
        # A second E5 came late, or bytes of somebody else stood in front: one meter is certain, alone it is not.
        alone = not reply.late and not reply.noise
        return Finding(Verdict.ALONE if alone else Verdict.SEVERAL, meter)

    def _ask(self, mask: SecondaryAddress, request: Request) -> Procedure[Outcome]:
        outcome = yield from ask(request)
        self.transactions += 1
        if outcome.late and self._previous is not None and self._previous != mask:
            self._belated.append(self._previous)
        self._previous = mask
        return outcome
