"""What came for a request: whether it is the answer, and if not, what is wrong with it (MBUS.md 2.2, 2.3, 3.4)."""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TypeGuard

from mbus.link.decoder import Dropped, Event, StreamDecoder
from mbus.link.fields import REQ_SKE, function_of, is_from_master, is_response
from mbus.link.frames import ACK, LONG_START, NACK, STOP, LongFrame, ShortFrame


class Expects(Enum):
    """What a request asks for."""

    NOTHING = "nothing"
    ACK = "ack"
    RESPONSE = "response"


class Fault(StrEnum):
    """Why bytes were no answer."""

    COLLISION = "collision"
    """Several slaves spoke: bytes behind a complete answer, a break, or two frames."""
    DAMAGED = "damaged"
    """A frame began and broke a rule: checksum, stop byte, lengths, parity."""
    CUT_SHORT = "cut short"
    """A frame began and never ended."""
    FOREIGN = "foreign"
    """A sound frame, but not an answer to this request."""
    NOISE = "noise"
    """Bytes that begin no frame at all."""
    BABBLE = "babble"
    """More bytes than any answer has."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Exactly one E5.

    :ivar late: bytes that came before the request was out; they belong to nobody's answer, and after a selection they prove a
        second slave.
    """

    late: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """One sound response frame.

    :ivar noise: bytes in front of the frame that were skipped; a reading may stand, a scan should be suspicious.
    """

    frame: LongFrame
    noise: bytes = b""
    late: bytes = b""


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing within the answer window."""

    late: bytes = b""


@dataclass(frozen=True, slots=True)
class Unasked(Silence):
    """Silence that says nothing about any meter: the request did not reach the bus, or the bus was lost under it."""


@dataclass(frozen=True, slots=True)
class Garbled:
    """Something came that is no answer to this request."""

    data: bytes
    why: Fault
    late: bytes = b""


Outcome = Ack | Reply | Silence | Garbled


def looks_complete(request: ShortFrame | LongFrame, data: bytes, *, bad: bool) -> bool:
    """Tell whether these bytes, at least one, are an answer to which nothing is missing.

    :param bad: a character was damaged.
    """
    if bad:
        return False
    if len(data) == 1:
        return data[0] == ACK
    if data[-1] != STOP:
        return False
    decoder = StreamDecoder()
    events = decoder.feed(data)
    return not decoder.pending and any(
        _is_answer(event, request) or _is_link_status(event, request) for event in events
    )


def judge(request: ShortFrame | LongFrame, data: bytes, late: bytes, *, bad: bool) -> Outcome:
    """Tell what all bytes that came for a request are, once no more will come.

    :param late: came before the request was out; handed on in the outcome.
    :param bad: a character was damaged.
    """
    if not data:
        return Silence(late)
    if bad:
        # A master that sees a collision answers with a break, which a UART shows as zeros (MBUS.md 1.1).
        return Garbled(data, Fault.DAMAGED if any(data) else Fault.COLLISION, late)
    if data == bytes((ACK,)):
        return Ack(late)
    decoder = StreamDecoder()
    events = decoder.feed(data)
    answers = [event for event in events if _is_answer(event, request)]
    if len(answers) == 1 and not decoder.pending and events[-1] is answers[0]:
        noise = b"".join(
            event.data if isinstance(event, Dropped) else event.to_bytes() for event in events[:-1]
        )
        return Reply(answers[0], noise, late)
    if answers:
        return Garbled(data, Fault.COLLISION, late)
    return Garbled(data, _fault(data, events, decoder.pending), late)


def _is_answer(event: Event, request: ShortFrame | LongFrame) -> TypeGuard[LongFrame]:
    if not isinstance(event, LongFrame) or not is_response(event.control):
        return False
    # A slave that was asked at its own address answers with it; behind FD and FE any address may stand (MBUS.md 2.3).
    return request.address > 250 or event.address == request.address


def _is_link_status(event: Event, request: ShortFrame | LongFrame) -> bool:
    # REQ_SKE is answered by a short frame: without data it is no `Reply`, but nothing more comes either.
    return (
        isinstance(event, ShortFrame)
        and function_of(request.control) == REQ_SKE
        and not is_from_master(event.control)
        and event.address == request.address
    )


def _fault(data: bytes, events: list[Event], pending: bytes) -> Fault:
    """Tell what is wrong with bytes among which no answer is."""
    # Bytes behind an E5, or a break that the driver shows as plain zeros.
    if data[0] == ACK or not any(data):
        return Fault.COLLISION
    if pending:
        return Fault.CUT_SHORT
    # An E5 or A2 among other bytes proves no sender; a checksum does.
    if data == bytes((NACK,)) or any(isinstance(event, ShortFrame | LongFrame) for event in events):
        return Fault.FOREIGN
    if data[0] == LONG_START:
        return Fault.DAMAGED
    return Fault.NOISE
