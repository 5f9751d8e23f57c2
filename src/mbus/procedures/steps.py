"""What procedures yield and what they are sent.

A procedure is a generator. It yields a step; whoever drives it carries the step out and sends back an outcome. The same
generator runs on an event loop against a serial port (`mbusio.driver`) and in virtual time against the simulator.

==============  ==========================================  =======================
step            meaning                                     is sent
==============  ==========================================  =======================
`Request`       one transaction on the bus                  an `Outcome`
`Pause`         leave the bus alone for some seconds        ``None``
`BaudChange`    use another rate from now on                ``None``
`Note`          tell the watcher (progress, a meter found)  ``None``
==============  ==========================================  =======================
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.transaction import Ack, Expects, Garbled, Outcome, Reply, Silence, Unasked

__all__ = [
    "Ack", "BaudChange", "Expects", "Garbled", "Note", "Outcome", "Pause", "Procedure", "Reply", "Request", "Silence", "Step",
    "Unasked", "ask", "tell",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """One transaction.

    :ivar frame: what is sent.
    :ivar expects: acknowledgement, response, or nothing (broadcast).
    :ivar timeout: seconds that replace the standard's answer window; None keeps it.
    """

    frame: ShortFrame | LongFrame
    expects: Expects
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Leave the bus alone for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class BaudChange:
    """Use another rate on the bus from the next request on."""

    baud: int


@dataclass(frozen=True, slots=True)
class Note:
    """Base of what a procedure tells while it runs; each procedure has its own notes."""


Step = Request | Pause | BaudChange | Note

T = TypeVar("T")
Procedure = Generator[Step, Outcome | None, T]


def ask(request: Request) -> Procedure[Outcome]:
    """Carry out one transaction: ``outcome = yield from ask(request)``."""
    outcome = yield request
    assert outcome is not None, "the driver of a procedure must send an outcome for every request"
    return outcome


def tell(step: Pause | BaudChange | Note) -> Procedure[None]:
    """Carry out a step that has no outcome."""
    yield step
