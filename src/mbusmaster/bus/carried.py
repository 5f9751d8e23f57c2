"""What those who watch a bus are told."""

from dataclasses import dataclass

from mbus.link.frames import LongFrame
from mbus.link.transaction import Outcome
from mbus.procedures.steps import Request


@dataclass(frozen=True, slots=True)
class Carried:
    """One transaction that was on the bus, for those who watch it.

    :ivar client: name of the client.
    :ivar seconds: how long it took, quiet after it included.
    :ivar baud: rate at which it ran.
    :ivar own: whether the client asked for it, or it was put in front of what the client asked.
    :ivar selection: by which the meter was selected that FD stands for, where that is known.
    """

    client: str
    request: Request
    outcome: Outcome
    seconds: float
    baud: int
    own: bool
    selection: LongFrame | None = None
