"""What passed on a line, for people who look for the reason."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from mbus.link.transaction import Ack, Garbled, Outcome, Reply, Silence


class Direction(StrEnum):
    """Where bytes went."""

    SENT = ">"
    ANSWER = "<"
    STRAY = "!"
    """Bytes that came while no request was waiting."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One step of the traffic.

    :ivar at: seconds of the event loop's clock.
    :ivar outcome: of the transaction, with its answer; None for the other directions.
    """

    at: float
    direction: Direction
    data: bytes
    outcome: Outcome | None = None

    def __str__(self) -> str:
        """One line: direction, bytes in hex, and how it was judged."""
        return f"{self.direction} {self.data.hex(' ').upper()} {self._judgement()}".rstrip()

    def _judgement(self) -> str:
        match self.outcome:
            case Silence():
                return "(silence)"
            case Garbled(why=why):
                return f"({why})"
            case Reply(noise=noise) if noise:
                return "(noise in front)"
            case Ack() | Reply() | None:
                return ""


Tracer = Callable[[Trace], None]
