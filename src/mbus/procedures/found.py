"""What searches tell while they run."""

from dataclasses import dataclass

from mbus.addressing import SecondaryAddress
from mbus.link.frames import LongFrame
from mbus.link.transaction import Fault
from mbus.procedures.steps import Note


@dataclass(frozen=True, slots=True)
class FoundMeter:
    """A meter that a search has proven.

    :ivar primary: the address field of its response; None where it only acknowledged.
    :ivar secondary: its secondary address as far as its response says, and what that leaves open as in the mask that it answered;
        None where it says nothing.
    :ivar reply: the response that proved it, of use as its first reading; None where it only acknowledged.
    :ivar remark: what was odd about the answer (noise in front of it, no identity to check), else empty.
    """

    primary: int | None
    secondary: SecondaryAddress | None
    reply: LongFrame | None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Found(Note):
    """A meter was found just now."""

    meter: FoundMeter


@dataclass(frozen=True, slots=True)
class Progress(Note):
    """How far a search is.

    :ivar done: transactions so far.
    :ivar left: transactions that are probably left; an estimate that may grow.
    :ivar meters: found so far.
    :ivar at: what is being asked, as text for a person.
    """

    done: int
    left: int
    meters: int
    at: str


@dataclass(frozen=True, slots=True)
class Unclear(Note):
    """Something was heard at a primary address, and no meter could be read there in several tries.

    :ivar primary: the address.
    :ivar fault: collision or damage mostly mean several meters there, foreign a meter that answers with another address.
    :ivar data: what came last.
    """

    primary: int
    fault: Fault
    data: bytes
