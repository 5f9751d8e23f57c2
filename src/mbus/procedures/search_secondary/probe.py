"""One mask on the bus: select, ask for the reading where that is wanted, and say what is proven (MBUS.md 3.2, 3.4).

Several E5 at the same instant add up to a sound E5, so an acknowledgement proves at least one meter, never exactly one. One
meter alone is proven by a sound reply whose identity fits the mask and by nothing else that spoke. What speaks too late shows in
the next transaction and puts the earlier verdict in doubt (`Prober.belated`).
"""

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from mbus.addressing import ANY_MANUFACTURER, ANY_MEDIUM, ANY_VERSION, SELECTED, SecondaryAddress
from mbus.application.commands import req_ud2, select, snd_nke
from mbus.application.header import fits, identity_of
from mbus.link.frames import ACK, LONG_START
from mbus.link.transaction import Ack, Expects, Fault, Garbled, Outcome, Reply, Silence
from mbus.procedures.exchange import BUSY_PAUSE
from mbus.procedures.found import FoundMeter
from mbus.procedures.search_secondary.costs import USUAL_REPLY, Outlook
from mbus.procedures.steps import Pause, Procedure, Request, ask

UNLIKELY: Final = 0.02
"""A collision that looks like one is believed, unless it was expected with less probability than this."""
DOUBTFUL: Final = 0.3
"""The same for bytes that look more like noise than like a collision."""
SURPRISE: Final = 0.05
"""Silence that was expected with less probability than this is asked for again."""
LOST: Final = 0.5
"""Silence behind an acknowledgement is taken for a swallowed collision where that is more probable than this."""
SWALLOWED: Final = 0.03
"""The same on a bus that has swallowed some and never shown one."""
MOST_ACKNOWLEDGEMENTS: Final = 8
"""More characters than these are seldom acknowledgements that collided."""
HABIT: Final = 2
"""So many swallowed collisions are a habit."""


class Verdict(Enum):
    """What an examined mask holds, as far as it is proven."""

    EMPTY = "empty"
    SOME = "at least one meter"
    SEVERAL = "at least two meters"
    ALONE = "exactly one meter"

    @property
    def at_least(self) -> int:
        """Number of meters that are proven."""
        return {Verdict.EMPTY: 0, Verdict.SEVERAL: 2}.get(self, 1)


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one mask.

    :ivar meter: who replied soundly; with `Verdict.SEVERAL` somebody else spoke too.
    """

    verdict: Verdict
    meter: FoundMeter | None = None


UNKNOWN: Final = Outlook(0.5, 0.4)
"""What to expect of a mask about which nothing is known."""


@dataclass(slots=True)
class Prober:
    """Examines masks.

    :param tries: how often a question is put before a poor answer is taken as it is.
    :ivar transactions: so far.
    :param belated: collects masks about which something came after the verdict, or only beside it: somebody there has not been
        heard.
    :ivar shown: collisions that showed at the select.
    :ivar hidden: collisions that looked like one acknowledgement.
    :ivar swallowed: acknowledgements without a reading behind them.
    :ivar garbled: unreadable readings.
    :ivar replies: readable readings.
    :ivar replied: bytes in them.
    """

    tries: int
    belated: list[SecondaryAddress] = field(default_factory=list)
    transactions: int = 0
    shown: int = 0
    hidden: int = 0
    swallowed: int = 0
    garbled: int = 0
    replies: int = 0
    replied: int = 0
    _previous: SecondaryAddress | None = None

    @property
    def reply_bytes(self) -> float:
        """Length of a reading on this bus, as far as it is known."""
        return (self.replied + USUAL_REPLY) / (self.replies + 1)

    def deselect(self) -> Procedure[None]:
        """Clear every selection; whether and how that is answered says nothing."""
        self._previous = None
        yield from ask(Request(snd_nke(SELECTED), Expects.ACK))

    def examine(
        self, mask: SecondaryAddress, outlook: Outlook = UNKNOWN, *, request: bool = True
    ) -> Procedure[Finding]:
        """Select a mask and, where it answers and `request` says so, find out whether it is one meter.

        :param outlook: what is expected: the less an answer fits, the sooner it is asked for again.
        """
        for _ in range(self.tries):
            outcome = yield from self._select(mask, outlook)
            if isinstance(outcome, Silence):
                return Finding(Verdict.EMPTY)
            if isinstance(outcome, Garbled):
                self.shown += 1
                return Finding(Verdict.SEVERAL)
            if not request:
                break
            finding = yield from self._request(mask, outlook)
            if finding is not None:
                self.hidden += finding.verdict is Verdict.SEVERAL
                return finding
        return Finding(Verdict.SOME)

    def _select(self, mask: SecondaryAddress, outlook: Outlook) -> Procedure[Outcome]:
        """Ask until an answer is plausible; what never was is given as an acknowledgement: something is there."""
        for attempt in range(self.tries):
            last = attempt + 1 == self.tries
            outcome = yield from self._transact(mask, Request(select(mask), Expects.ACK))
            if not last and (outcome.late or _is_reading(outcome)):
                # Whoever is late may have missed this select while sending, or be what seems to answer it.
                continue
            if isinstance(outcome, Ack):
                return outcome
            if isinstance(outcome, Silence) and (last or outlook.none > SURPRISE):
                if outcome.late:
                    self.belated.append(mask)
                return outcome
            if isinstance(outcome, Garbled) and outcome.why is not Fault.FOREIGN:
                collided = outcome.why is Fault.COLLISION and ACK in outcome.data
                if collided or last or outlook.several > DOUBTFUL:
                    return outcome
        return Ack()

    def _request(self, mask: SecondaryAddress, outlook: Outlook) -> Procedure[Finding | None]:
        """Ask the selected for data; None when the mask should be selected and asked anew."""
        several = outlook.several / max(outlook.one + outlook.several, 1e-9)
        for attempt in range(self.tries):
            last = attempt + 1 == self.tries
            outcome = yield from self._transact(mask, Request(req_ud2(SELECTED, fcb=True), Expects.RESPONSE))
            if isinstance(outcome, Reply):
                self.replies += 1
                self.replied += len(outcome.frame.to_bytes())
                return _judge(mask, outcome)
            if ACK in outcome.late:
                return Finding(Verdict.SEVERAL)
            if isinstance(outcome, Garbled) and (last or several > _doubt(outcome)):
                self.garbled += 1
                return Finding(Verdict.SEVERAL)
            if isinstance(outcome, Silence) and (last or several > self._swallows):
                self.swallowed += 1
                return Finding(Verdict.SOME)
            if isinstance(outcome, Ack):
                yield Pause(BUSY_PAUSE)
        return Finding(Verdict.SOME)

    @property
    def _swallows(self) -> float:
        return SWALLOWED if self.swallowed >= HABIT and not self.garbled else LOST

    def _transact(self, mask: SecondaryAddress, request: Request) -> Procedure[Outcome]:
        outcome = yield from ask(request)
        self.transactions += 1
        # A reading behind a select was meant for the request before.
        is_late = bool(outcome.late) or (request.expects is Expects.ACK and _is_reading(outcome))
        if is_late and self._previous not in (None, mask):
            assert self._previous is not None
            self.belated.append(self._previous)
        self._previous = mask
        return outcome


def _is_reading(outcome: Outcome) -> bool:
    """Tell whether this is a reading, or damaged and more like one than like acknowledgements."""
    if isinstance(outcome, Garbled):
        return LONG_START in outcome.data or len(outcome.data) > MOST_ACKNOWLEDGEMENTS
    return isinstance(outcome, Reply)


def _doubt(garbled: Garbled) -> float:
    return UNLIKELY if garbled.why in (Fault.COLLISION, Fault.DAMAGED) else DOUBTFUL


def _judge(mask: SecondaryAddress, reply: Reply) -> Finding | None:
    """Take a reply for what it proves; None where it is another meter's."""
    identity = identity_of(reply.frame)
    if identity is not None and not fits(mask, identity):
        return None
    remarks = []
    if identity is None:
        remarks.append(f"does not say who it is; {mask} selects it alone")
    if reply.noise:
        remarks.append("noise in front of the answer")
    secondary = None if identity is None else _completed(identity, mask)
    meter = FoundMeter(reply.frame.address, secondary, reply.frame, "; ".join(remarks))
    # A second E5 came late, or bytes of somebody else stood in front: one meter is certain, alone it is not.
    disturbed = bool(reply.late or reply.noise)
    return Finding(Verdict.SEVERAL if disturbed else Verdict.ALONE, meter)


def _completed(identity: SecondaryAddress, mask: SecondaryAddress) -> SecondaryAddress:
    """Take what an identity leaves open from the mask that selected it: a meter of its own identification may differ there."""
    return replace(
        identity,
        manufacturer=mask.manufacturer
        if identity.manufacturer == ANY_MANUFACTURER
        else identity.manufacturer,
        version=mask.version if identity.version == ANY_VERSION else identity.version,
        medium=mask.medium if identity.medium == ANY_MEDIUM else identity.medium,
    )
