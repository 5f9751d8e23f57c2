"""What is the matter with a meter that does not answer: it is asked by its address, and what is heard is said.

=========================================================  ==============
heard                                                      verdict
=========================================================  ==============
a response of this meter                                   answers; at another rate only: other baud
a response of another meter, or from another address       wrong address
several acknowledgements or responses at once              collision
anything else that is no response                          garbled
its acknowledgement, and no data                           acknowledges only
nothing, in all tries                                      silent
=========================================================  ==============

The strongest evidence of all tries counts, in this order. A meter with a secondary address is selected by it; its primary
address is asked where that is what the scan was about, or where the selection meets silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mbus.addressing import SELECTED, SecondaryAddress
from mbus.application.commands import req_ud2, select, snd_nke
from mbus.application.header import fits
from mbus.link.transaction import Fault
from mbus.procedures.exchange import BUSY_PAUSE
from mbus.procedures.reading import named_by
from mbus.procedures.steps import (
    Ack,
    Expects,
    Garbled,
    Outcome,
    Pause,
    Procedure,
    Reply,
    Request,
    Silence,
    ask,
    tell,
)
from mbusmaster.meterlist.meter import Status
from mbusmaster.meterlist.sighting import Sighting, sighting_of_reply, verdict_of

STRENGTH: Final = (
    Status.SILENT,
    Status.ACKNOWLEDGES,
    Status.GARBLED,
    Status.COLLISION,
    Status.WRONG_ADDRESS,
    Status.ANSWERS,
)
"""Kinds of evidence, the weakest first."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to ask.

    :ivar by_primary: whether its primary address is what it must answer at.
    """

    secondary: SecondaryAddress | None
    primary: int | None
    by_primary: bool = False


@dataclass(frozen=True, slots=True)
class Manner:
    """How patiently to ask.

    :ivar tries: requests until silence is believed.
    :ivar patience: answer window of one more request, in seconds; None makes none.
    """

    tries: int
    patience: float | None = None

    @property
    def windows(self) -> tuple[float | None, ...]:
        """The answer window of each try; None is the standard's."""
        return (None,) * self.tries + (() if self.patience is None else (self.patience,))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was heard at one rate.

    :ivar sighting: of the meter, where it sent data.
    """

    status: Status
    remark: str = ""
    sighting: Sighting | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says of a meter.

    :ivar sighting: of the meter, where it sent data or acknowledged.
    :ivar answered_at: the rate of that.
    :ivar silent_at: rates at which it did not answer.
    """

    status: Status
    remark: str
    sighting: Sighting | None = None
    answered_at: int | None = None
    silent_at: tuple[int, ...] = ()


def examine(who: Wanted, manner: Manner) -> Procedure[Evidence]:
    """Ask a meter at the rate that the bus has."""
    if who.secondary is None:
        assert who.primary is not None, "a meter has an address"
        return (yield from _ask_primary(who.primary, None, manner))
    evidence = yield from _ask_secondary(who.secondary, manner)
    if who.primary is None:
        return evidence
    if evidence.status is Status.ANSWERS:
        return (yield from _compare(who, evidence, manner)) if who.by_primary else evidence
    if evidence.status is Status.SILENT:
        there = yield from _ask_primary(who.primary, who.secondary, manner)
        if there.status is Status.ANSWERS:
            return replace(there, remark="it answers by its primary address only")
        if who.by_primary:
            return there
    return evidence


def conclude(asked: int, at: Sequence[tuple[int, Evidence]]) -> Verdict:
    """Put together what was heard at several rates.

    :param asked: the rate at which the meter was looked for.
    :param at: rate and evidence, that of `asked` first.
    """
    first = at[0][1]
    answered = next(((baud, seen) for baud, seen in at if seen.status is Status.ANSWERS), None)
    silent = tuple(baud for baud, seen in at if seen.status is not Status.ANSWERS)
    if answered is None:
        others = [str(baud) for baud, _ in at[1:]]
        remark = first.remark or "no answer"
        if others:
            remark = f"{remark} at {asked} baud, nor one that can be read at {', '.join(others)}"
        return Verdict(first.status, remark, first.sighting, asked if first.sighting else None, silent)
    baud, seen = answered
    if baud == asked:
        return Verdict(Status.ANSWERS, seen.remark, seen.sighting, baud, silent)
    remark = f"it answers at {baud} baud, and at {asked} baud: {first.remark or 'nothing'}"
    return Verdict(Status.OTHER_BAUD, remark, seen.sighting, baud, silent)


def _ask_secondary(address: SecondaryAddress, manner: Manner) -> Procedure[Evidence]:
    best = Evidence(Status.SILENT)
    for number, window in enumerate(manner.windows):
        outcome = yield from ask(Request(select(address), Expects.ACK, window))
        if isinstance(outcome, Silence):
            continue
        best = _stronger(best, _heard_at_selection(outcome))
        outcome = yield from _request(SELECTED, window)
        heard = _judged(outcome, address)
        best = _stronger(best, heard)
        if heard.status is Status.ANSWERS:
            return _with_doubt(heard, outcome, again=number > 0)
        # Whoever answered instead may hold an earlier selection.
        yield from ask(Request(snd_nke(SELECTED), Expects.ACK))
    return best


def _ask_primary(address: int, who: SecondaryAddress | None, manner: Manner) -> Procedure[Evidence]:
    best = Evidence(Status.SILENT)
    outcome = yield from ask(Request(snd_nke(address), Expects.ACK))
    if isinstance(outcome, Garbled) and outcome.why is Fault.COLLISION:
        best = Evidence(*verdict_of(outcome.why, outcome.data))
    for number, window in enumerate(manner.windows):
        outcome = yield from _request(address, window)
        heard = _judged(outcome, who)
        best = _stronger(best, heard)
        if heard.status is Status.ANSWERS:
            return _with_doubt(heard, outcome, again=number > 0)
        if heard.status is Status.WRONG_ADDRESS and isinstance(outcome, Reply):
            break
    return best


def _request(address: int, window: float | None) -> Procedure[Outcome]:
    request = Request(req_ud2(address, fcb=True), Expects.RESPONSE, window)
    outcome = yield from ask(request)
    if isinstance(outcome, Ack):
        yield from tell(Pause(BUSY_PAUSE))
        outcome = yield from ask(request)
    return outcome


def _heard_at_selection(outcome: Outcome) -> Evidence:
    if isinstance(outcome, Garbled):
        return Evidence(*verdict_of(outcome.why, outcome.data))
    if isinstance(outcome, Reply):
        return Evidence(Status.GARBLED, "an answer came too late, in place of the next one")
    return Evidence(Status.ACKNOWLEDGES, "it acknowledges, but sends no data")


def _judged(outcome: Outcome, who: SecondaryAddress | None) -> Evidence:
    match outcome:
        case Reply(frame):
            identity = named_by(frame)
            if who is None or identity is None or fits(who, identity):
                remark = "" if identity or who is None else "it does not say who it is"
                seen = sighting_of_reply(frame, remark)
                return Evidence(Status.ANSWERS, remark, seen)
            return Evidence(
                Status.WRONG_ADDRESS, f"meter {identity} answers in its place, from address {frame.address}"
            )
        case Garbled(data, why):
            return Evidence(*verdict_of(why, data))
        case Ack():
            return Evidence(Status.ACKNOWLEDGES, "it acknowledges, but sends no data")
    return Evidence(Status.SILENT)


def _compare(who: Wanted, selected: Evidence, manner: Manner) -> Procedure[Evidence]:
    """See why a meter that can be selected was not found at its primary address."""
    assert who.primary is not None, "it has a primary address"
    assert selected.sighting is not None, "it has answered"
    now = selected.sighting.primary
    if now != who.primary:
        return replace(selected, remark=f"its primary address was {who.primary} and is {now}")
    there = yield from _ask_primary(who.primary, who.secondary, manner)
    if there.status is Status.ANSWERS:
        return there
    if there.status is Status.SILENT:
        return replace(selected, remark="it answers by its secondary address only")
    remark = f"primary address {who.primary}: {there.remark}; it answers by its secondary address"
    return Evidence(there.status, remark, selected.sighting)


def _with_doubt(heard: Evidence, outcome: Outcome, *, again: bool) -> Evidence:
    remarks = [heard.remark] if heard.remark else []
    if again:
        remarks.append("it answered late, or only when it was asked again")
    if isinstance(outcome, Reply) and outcome.noise:
        remarks.append("noise in front of the answer")
    return replace(heard, remark="; ".join(remarks))


def _stronger(one: Evidence, other: Evidence) -> Evidence:
    return other if STRENGTH.index(other.status) > STRENGTH.index(one.status) else one
