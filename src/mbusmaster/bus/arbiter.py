"""The one owner of a bus: takes requests from many clients, carries them out one after the other, gives each its answer.

`turns` says who is next, `sharing` what must go in front of a request so that it means to the slave what it means to its client,
`answers` which bytes belong to it. While no line is attached, transparent clients meet silence and jobs `BusDownError`.
"""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from mbus.addressing import SELECTED
from mbus.application.commands import snd_nke
from mbus.link.transaction import Ack, Expects, Garbled, Outcome, Reply, Silence
from mbus.procedures.steps import Request
from mbusio.barrier import Verdict
from mbusio.errors import BusIOError, TransportClosedError
from mbusmaster.bus.answers import Gate
from mbusmaster.bus.requests import Withheld
from mbusmaster.bus.sharing import Carry, Sharing
from mbusmaster.bus.turns import LeaseTimes, Priority, Turns, Waiting
from mbusmaster.errors import BusCrowdedError, BusDownError, ClientClosedError

MAX_CLIENTS: Final = 1024
PATIENCE: Final = 10.0
"""Seconds after which a transparent client has surely given up a request that is still waiting for the bus."""

_log = logging.getLogger(__name__)


class BusLine(Protocol):
    """What the arbiter needs of a line (`mbusio.line.Line`)."""

    baud: int

    async def transact(self, request: Request, *, on_bytes: Callable[[bytes], None] | None = None) -> Outcome:
        """Carry out one transaction."""

    async def set_baud(self, baud: int) -> None:
        """Use another rate from now on."""


@dataclass(slots=True)
class ClientCounters:
    """What one client had from the bus; `inserted` counts transactions put in front of its own."""

    requests: int = 0
    inserted: int = 0
    withheld: int = 0
    refused: int = 0
    given_up: int = 0
    replies: int = 0
    acknowledgements: int = 0
    silences: int = 0
    garbled: int = 0

    def count(self, outcome: Outcome) -> None:
        """Enter what became of one request."""
        match outcome:
            case Reply():
                self.replies += 1
            case Ack():
                self.acknowledgements += 1
            case Silence():
                self.silences += 1
            case Garbled():
                self.garbled += 1


@dataclass(frozen=True, slots=True)
class Carried:
    """One transaction that was on the bus, for those who watch it.

    :ivar client: name of the client.
    :ivar seconds: how long it took, quiet after it included.
    :ivar baud: rate at which it ran.
    :ivar own: whether the client asked for it, or it was put in front of what the client asked.
    """

    client: str
    request: Request
    outcome: Outcome
    seconds: float
    baud: int
    own: bool


class Turn(Waiting):
    """One request that waits for the bus or is on it.

    :ivar wanted: asked when its turn comes, and told false by clients that have given it up.
    """

    def __init__(
        self,
        seat: "Seat",
        request: Request,
        on_bytes: Callable[[bytes], None] | None,
        wanted: Callable[[], bool],
        done: asyncio.Future[Outcome],
        ticket: int,
    ) -> None:
        super().__init__(seat.number, seat.priority, request.frame, ticket)
        self.seat = seat
        self.request = request
        self.on_bytes = on_bytes
        self.wanted = wanted
        self.done = done

    def hear(self, data: bytes) -> None:
        """Give bytes of the answer to the client, unless it has given up."""
        if self.on_bytes is not None and self.wanted():
            self.on_bytes(data)

    def settle(self, result: Outcome | Exception) -> None:
        """Tell the client how it ended."""
        if self.done.done():
            return
        if isinstance(result, Exception):
            self.done.set_exception(result)
        else:
            self.done.set_result(result)


class Seat:
    """What the arbiter keeps of a client.

    :ivar baud: rate the client wants; None is the bus's default.
    :ivar ticket: its place in the queue, from the first request that waits until one is carried out.
    """

    def __init__(self, number: int, name: str, priority: Priority) -> None:
        self.number = number
        self.name = name
        self.priority = priority
        self.baud: int | None = None
        self.ticket: int | None = None
        self.counters = ClientCounters()
        self.closed = False
        self.busy = False


class Arbiter:
    """The owner of one bus.

    :param baud: default rate of the bus.
    :param times: how long clients may keep the bus.
    :param watch: is told every transaction.
    :ivar working: a transaction is on the bus now.
    """

    def __init__(
        self, *, baud: int, times: LeaseTimes | None = None, watch: Callable[[Carried], None] | None = None
    ) -> None:
        self.baud = baud
        self.working = False
        times = times or LeaseTimes()
        self._watch = watch
        self._turns: Turns[Turn] = Turns(times, times.limit_at(baud))
        self._sharing = Sharing(self._now, times.lease)
        self._seats: dict[int, Seat] = {}
        self._numbers = itertools.count(1)
        self._tickets = itertools.count(1)
        self._line: BusLine | None = None
        self._was_attached = False
        self._lift_selection = False
        self._wake = asyncio.Event()

    @property
    def seats(self) -> tuple[Seat, ...]:
        """The clients of the bus."""
        return tuple(self._seats.values())

    @property
    def is_attached(self) -> bool:
        """Whether there is a line."""
        return self._line is not None

    def join(self, name: str, priority: Priority) -> Seat:
        """Take a client in; raise `BusCrowdedError` when there are too many."""
        if len(self._seats) >= MAX_CLIENTS:
            raise BusCrowdedError(f"the bus has {MAX_CLIENTS} clients already")
        seat = Seat(next(self._numbers), name, priority)
        self._seats[seat.number] = seat
        return seat

    def leave(self, seat: Seat) -> None:
        """Let a client go; what it left selected is released before somebody else's turn."""
        seat.closed = True
        if self._seats.pop(seat.number, None) is not None:
            self._turns.leave(seat.number)
            self._lift_selection |= self._sharing.leave(seat.number)
            self._wake.set()

    def attach(self, line: BusLine) -> None:
        """Use a line from now on; from the second on, what slaves remember is in doubt."""
        if self._was_attached:
            self._sharing.doubt_everything()
        self._line = line
        self._was_attached = True
        self._wake.set()

    def detach(self) -> None:
        """The line is gone: whoever waits is told at once."""
        self._line = None
        self._wake.set()

    async def submit(
        self,
        seat: Seat,
        request: Request,
        *,
        on_bytes: Callable[[bytes], None] | None = None,
        wanted: Callable[[], bool] = lambda: True,
        patience: float | None = None,
    ) -> Outcome:
        """Carry out one request of a client when its turn comes; give what became of it.

        :param patience: seconds for which it may wait for its turn; None is for ever.

        A request that had to stay off the bus ends as `Silence`, one that waited for too long as `Withheld`. Cancelled before
        its turn, the request is forgotten; during it, the answer runs out unheard. Raise `BusDownError` when there is no line, or
        it breaks.
        """
        if seat.closed:
            raise ClientClosedError(f"{seat.name} has left the bus")
        assert not seat.busy, "a client asks one thing at a time"
        if self._line is None:
            raise BusDownError("the level converter cannot be reached")
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if seat.ticket is None:
            seat.ticket = next(self._tickets)
        turn = Turn(seat, request, on_bytes, wanted, done, seat.ticket)
        seat.busy = True
        self._turns.put(turn, self._now())
        self._wake.set()
        timer = (
            None if patience is None else asyncio.get_running_loop().call_later(patience, self._give_up, turn)
        )
        try:
            return await done
        finally:
            if timer is not None:
                timer.cancel()
            seat.busy = False
            turn.on_bytes = None
            self._turns.withdraw(turn)

    async def serve(self) -> None:
        """Carry out turns until cancelled."""
        while True:
            self._wake.clear()
            if self._line is None:
                self._send_all_away()
            elif self._lift_selection:
                await self._lift(self._line)
                continue
            elif (turn := self._turns.take(self._now())) is not None:
                await self._carry_out(self._line, turn)
                continue
            await self._wait()

    def _give_up(self, turn: Turn) -> None:
        if self._turns.withdraw(turn):
            turn.seat.counters.given_up += 1
            turn.settle(Withheld(verdict=Verdict.BUSY))

    async def _wait(self) -> None:
        held = self._turns.held_until - self._now() if len(self._turns) else float("inf")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), None if held == float("inf") else max(0.0, held))

    def _send_all_away(self) -> None:
        while (turn := self._turns.take(float("inf"))) is not None:
            turn.settle(BusDownError("the level converter cannot be reached"))

    async def _carry_out(self, line: BusLine, turn: Turn) -> None:
        seat = turn.seat
        if not turn.wanted():
            seat.counters.given_up += 1
            turn.settle(Withheld(verdict=Verdict.BUSY))
            return
        seat.counters.requests += 1
        seat.ticket = None
        self.working = True
        try:
            outcome = await self._exchange(line, turn)
        except TransportClosedError as error:
            if self._line is line:
                self.detach()
            turn.settle(BusDownError(f"the level converter is gone: {error}"))
            return
        except BusIOError as error:
            turn.settle(error)
            return
        finally:
            self.working = False
        seat.counters.count(outcome)
        if not seat.closed:
            self._turns.finished(turn, outcome, self._now())
        turn.settle(outcome)

    async def _exchange(self, line: BusLine, turn: Turn) -> Outcome:
        seat = turn.seat
        baud = seat.baud or self.baud
        if line.baud != baud:
            await line.set_baud(baud)
        exchange = self._sharing.exchange(seat.number, turn.request)
        was_sent = False
        try:
            carry = next(exchange)
            while True:
                was_sent |= carry.own
                carry = exchange.send(await self._carry(line, turn, carry))
        except StopIteration as end:
            seat.counters.withheld += not was_sent
            outcome: Outcome = end.value
            return outcome
        finally:
            exchange.close()

    async def _carry(self, line: BusLine, turn: Turn, carry: Carry) -> Outcome:
        began = self._now()
        gate = Gate(carry.request, carry.selection, turn.hear) if carry.own and turn.on_bytes else None
        outcome = await line.transact(carry.request, on_bytes=gate.feed if gate else None)
        if gate:
            gate.finish(outcome)
        turn.seat.counters.inserted += not carry.own
        if self._watch is not None:
            self._watch(
                Carried(turn.seat.name, carry.request, outcome, self._now() - began, line.baud, carry.own)
            )
        return outcome

    async def _lift(self, line: BusLine) -> None:
        self._lift_selection = False
        try:
            if line.baud != self.baud:
                await line.set_baud(self.baud)
            await line.transact(Request(snd_nke(SELECTED), Expects.ACK))
        except BusIOError as error:
            _log.debug("the selection of a client that left could not be released: %s", error)
            if isinstance(error, TransportClosedError) and self._line is line:
                self.detach()
        self._sharing.selection_lifted()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
