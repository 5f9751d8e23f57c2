"""One question to one slave until it is answered or given up: repeats, busy slaves, refusals (MBUS.md 1.4, 2.4, 2.5, 4.6).

A repeat sends the same bytes, frame count bit included, for nobody knows whether the slave saw the first try. After the last try
the agreement about the bit is void and the next conversation begins with SND_NKE.
"""

from dataclasses import dataclass
from typing import Final

from mbus.addressing import BROADCAST, SELECTED, TEST
from mbus.application.commands import req_ud2, snd_nke
from mbus.application.refusal import TOO_BUSY, refusal_of
from mbus.errors import (
    GarbledAnswerError,
    NoAnswerError,
    ProcedureError,
    RefusedError,
    WrongMeterError,
)
from mbus.link.frames import LongFrame
from mbus.link.station import Stations
from mbus.link.transaction import Fault
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

TRIES: Final = 3
"""A request and its two repeats, as the standard has it."""
BUSY_PAUSE: Final = 0.1
"""Seconds for a slave that acknowledges a request for data instead of answering it."""
TOO_BUSY_PAUSE: Final = 1.0
"""Seconds for an application that says it is too busy."""
PATIENCE: Final = 5
"""How often a busy slave is asked again; those are no failed tries."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response to a request for data.

    :ivar noisy: bytes that belong to no answer stood in front of it.
    :ivar tries: requests that it took.
    """

    frame: LongFrame
    noisy: bool
    tries: int


def reset_link(address: int, stations: Stations, *, tries: int = 1) -> Procedure[int]:
    """Send SND_NKE until it is acknowledged; give how many tries were not.

    The agreement holds either way: some slaves answer requests for data but never this.
    """
    failed = 0
    while failed < tries:
        outcome = yield from ask(Request(snd_nke(address), Expects.ACK))
        if isinstance(outcome, Ack):
            break
        failed += 1
    stations.initialised(address)
    return failed


def request_data(address: int, stations: Stations, *, tries: int = TRIES) -> Procedure[Answer]:
    """Ask for class 2 data with the frame count bit that is due.

    Raise `NoAnswerError`, `GarbledAnswerError` or `WrongMeterError` by what the last try met, `RefusedError` when the slave
    answers with an application error.
    """
    sent, failed, patience = 0, 0, PATIENCE
    while True:
        request = Request(req_ud2(address, fcb=stations.fcb(address)), Expects.RESPONSE)
        outcome = yield from ask(request)
        sent += 1
        if isinstance(outcome, Reply):
            refusal = refusal_of(outcome.frame)
            # The exchange is complete, refusal or not: with the same bit the slave would only repeat itself.
            stations.succeeded(address)
            if refusal is None:
                return Answer(outcome.frame, bool(outcome.noise), sent)
            if refusal.code != TOO_BUSY or not patience:
                stations.failed(address)
                raise RefusedError(f"{name_of(address)} refuses: {refusal}")
            patience -= 1
            yield from tell(Pause(TOO_BUSY_PAUSE))
        elif isinstance(outcome, Ack) and patience:
            patience -= 1
            yield from tell(Pause(BUSY_PAUSE))
        else:
            failed += 1
            if failed >= tries:
                stations.failed(address)
                raise failure(name_of(address), outcome)


def send(frame: LongFrame, stations: Stations, *, tries: int = TRIES) -> Procedure[None]:
    """Send a command until it is acknowledged; afterwards the agreement about the frame count bit is void.

    Void, because slaves differ in whether commands and requests for data share one bit (MBUS.md 2.4).
    """
    stations.failed(frame.address)
    if frame.address == BROADCAST:
        yield from ask(Request(frame, Expects.NOTHING))
        stations.forget()
        return
    outcome: Outcome = Silence()
    for _ in range(tries):
        outcome = yield from ask(Request(frame, Expects.ACK))
        if isinstance(outcome, Ack):
            return
        if isinstance(outcome, Reply) and (refusal := refusal_of(outcome.frame)) is not None:
            raise RefusedError(f"{name_of(frame.address)} refuses: {refusal}")
    raise failure(name_of(frame.address), outcome)


def name_of(address: int) -> str:
    """Give an address as a person reads it."""
    if address == SELECTED:
        return "the selected meter"
    return "the only meter on the line" if address == TEST else f"the meter at address {address}"


def failure(who: str, outcome: Outcome) -> ProcedureError:
    """Make the error for the outcome of the last try."""
    match outcome:
        case Silence():
            return NoAnswerError(f"{who} does not answer")
        case Ack():
            return NoAnswerError(f"{who} acknowledges, but sends no data")
        case Garbled(_, Fault.FOREIGN):
            return WrongMeterError(f"{who} was asked, and another answered")
        case Garbled(_, why):
            return GarbledAnswerError(f"{who} cannot be understood: {why}")
    return GarbledAnswerError(f"{who} answers something else than was asked")
