"""Procedures of `mbus` on the simulated bus, without waiting: seconds pass as numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mbus.link.timing import idle
from mbus.link.transaction import Outcome, Timing, Transaction
from mbus.procedures.counters import Counters
from mbus.procedures.steps import BaudChange, Note, Pause, Procedure, Request
from mbussim.bus import Bus

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Run(Generic[T]):
    """How a procedure ended.

    :ivar bus_seconds: from the first request to the end of the quiet behind the last answer.
    """

    result: T
    bus_seconds: float
    counters: Counters


@dataclass(slots=True)
class VirtualMaster:
    """A master with an ideal converter: no allowance, no gaps; the clock only moves when the wire does.

    :ivar now: seconds; keeps running from one procedure to the next on the same bus.
    :ivar counters: of the procedure that ran last.
    """

    bus: Bus
    baud: int = 2400
    now: float = 0.0
    watch: Callable[[Note], None] | None = None
    trace: Callable[[Request, Outcome], None] | None = None
    counters: Counters = field(default_factory=Counters)

    def run(self, procedure: Procedure[T]) -> Run[T]:
        """Drive a procedure to its end; what it raises is passed on."""
        began = self.now
        outcome: Outcome | None = None
        self.counters = Counters()
        try:
            while True:
                step = procedure.send(outcome)
                outcome = None
                if isinstance(step, Request):
                    outcome = self.transact(step)
                elif isinstance(step, Pause):
                    self.now += step.seconds
                elif isinstance(step, BaudChange):
                    self.baud = step.baud
                    self.now += idle(step.baud)
                elif self.watch is not None:
                    self.watch(step)
        except StopIteration as end:
            return Run(end.value, self.now - began, self.counters)

    def transact(self, request: Request) -> Outcome:
        """Carry out one transaction and count it."""
        bus = self.bus
        timings = Timing(self.baud, 0.0, 0.0, request.timeout)
        transaction = Transaction(request.frame, request.expects, timings, self.now)
        sent = bus.transmit(request.frame.to_bytes(), self.now, self.baud)
        for late in bus.receive(sent):
            transaction.received(late.data, late.last, bad=late.bad)
        transaction.transmitted(sent)
        while transaction.outcome is None:
            deadline, span = transaction.deadline, bus.next_span()
            if span is None or span[0] > deadline or (piece := bus.take()) is None:
                self.now = deadline
                transaction.expire(deadline)
                continue
            transaction.received(piece.data[:1], piece.first, bad=piece.bad)
            transaction.received(piece.data[1:], piece.last, bad=piece.bad)
            self.now = piece.last
        self.counters.count(request, transaction.outcome)
        if self.trace is not None:
            self.trace(request, transaction.outcome)
        return transaction.outcome


def run(
    procedure: Procedure[T],
    bus: Bus,
    *,
    baud: int = 2400,
    watch: Callable[[Note], None] | None = None,
    at: float = 0.0,
) -> Run[T]:
    """Run a procedure of `mbus` in virtual time.

    :param at: seconds at which it begins; give the end of the last one when the same bus is used again.
    """
    return VirtualMaster(bus, baud, at, watch).run(procedure)
