"""Counts of what a procedure cost: the measure without noise."""

from dataclasses import dataclass

from mbus.application.commands import SELECTION_CI
from mbus.link.fields import REQ_UD1, REQ_UD2, SND_NKE, SND_UD, SND_UD2, function_of
from mbus.link.frames import LongFrame
from mbus.link.transaction import Garbled, Outcome, Silence
from mbus.procedures.steps import Request


@dataclass(slots=True)
class Counters:
    """Transactions by kind of request and by kind of outcome; `silence` counts only where an answer was due."""

    select: int = 0
    request: int = 0
    nke: int = 0
    write: int = 0
    silence: int = 0
    garbled: int = 0

    def count(self, request: Request, outcome: Outcome) -> None:
        """Enter one transaction."""
        function = function_of(request.frame.control)
        if isinstance(request.frame, LongFrame) and request.frame.ci in SELECTION_CI:
            self.select += 1
        elif function in (REQ_UD1, REQ_UD2):
            self.request += 1
        elif function == SND_NKE:
            self.nke += 1
        elif function in (SND_UD, SND_UD2):
            self.write += 1
        if isinstance(outcome, Silence) and request.expects.value != "nothing":
            self.silence += 1
        elif isinstance(outcome, Garbled):
            self.garbled += 1
