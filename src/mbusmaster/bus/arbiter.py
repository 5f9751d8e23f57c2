"""The one owner of a bus: takes requests from many clients, carries them out one after the other, gives each its answer.

`turns` says who is next, `sharing` what must go in front of a request so that it means to the slave what it means to its client,
`answers` which bytes belong to it. While no line is attached, transparent clients meet silence and jobs `BusDownError`.
"""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from mbus.addressing import SELECTED
from mbus.application.commands import is_selection, snd_nke
from mbus.link.frames import LongFrame
from mbus.link.transaction import Expects, Garbled, Outcome, Silence
from mbus.procedures.steps import Request
from mbusio import driver
from mbusio.barrier import Verdict
from mbusio.errors import BusIOError, TransportClosedError
from mbusmaster.bus.answers import Gate
from mbusmaster.bus.carried import Carried
from mbusmaster.bus.requests import MasterFrame, Refusal, Withheld
from mbusmaster.bus.seats import Seat, Turn
from mbusmaster.bus.sharing import Carry, Sharing
from mbusmaster.bus.switches import Switch, Switches, switch_back
from mbusmaster.bus.turns import LeaseTimes, Priority, Turns
from mbusmaster.bus.users import BusUsers, Holder, User, Waiter
from mbusmaster.bus.writes import meter_at, meter_named
from mbusmaster.errors import BusCrowdedError, BusDownError, ClientClosedError

MAX_CLIENTS: Final = 1024
PATIENCE: Final = 10.0
"""Seconds after which a transparent client has surely given up a request that is still waiting for the bus."""
MASTER: Final = "master"
"""Name under which the master itself uses the bus."""
NO_CONVERTER: Final = "the level converter cannot be reached"

_log = logging.getLogger(__name__)


class BusLine(Protocol):
    """What the arbiter needs of a line (`mbusio.line.Line`)."""

    baud: int

    async def transact(self, request: Request, *, on_bytes: Callable[[bytes], None] | None = None) -> Outcome:
        """Carry out one transaction."""

    async def set_baud(self, baud: int) -> None:
        """Use another rate from now on."""


class Arbiter:
    """The owner of one bus.

    :param baud: default rate of the bus.
    :param times: how long clients may keep the bus.
    :param rates: the lowest and the highest to which clients may switch meters.
    :param watch: is told every transaction.
    :param changed: is called when work on the bus begins, and when `problems` may have changed.
    :ivar working: a transaction is on the bus now.
    """

    def __init__(
        self,
        *,
        baud: int,
        times: LeaseTimes | None = None,
        rates: tuple[int, int] = (300, 38400),
        watch: Callable[[Carried], None] | None = None,
        changed: Callable[[], None] | None = None,
    ) -> None:
        self.baud = baud
        self.working = False
        times = times or LeaseTimes()
        self._rates = rates
        self._watch = watch
        self._changed = changed
        self._turns: Turns[Turn] = Turns(times, times.limit_at(baud))
        self._sharing = Sharing(self._now, times.lease)
        self._switches = Switches(times.lease)
        self._current: Turn | None = None
        self._began = 0.0
        self._switches_baud = True
        self._seats: dict[int, Seat] = {}
        self._numbers = itertools.count(1)
        self._tickets = itertools.count(1)
        self._line: BusLine | None = None
        self._shut = ""
        self._was_attached = False
        self._lift_selection = False
        self._selected_at = baud
        self._wake = asyncio.Event()

    @property
    def seats(self) -> tuple[Seat, ...]:
        """The clients of the bus."""
        return tuple(self._seats.values())

    @property
    def is_attached(self) -> bool:
        """Whether there is a line."""
        return self._line is not None

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with meters because of what clients did, in words; each names its meter."""
        return self._switches.problems

    def users(self) -> BusUsers:
        """Tell who holds the bus now, who waits, and who is connected."""
        now = self._now()
        return BusUsers(
            self._holder(now),
            tuple(
                Waiter(turn.client, turn.seat.name, turn.seat.source, self._meter_of(turn), now - turn.since)
                for turn in self._turns
            ),
            tuple(
                User(
                    seat.number,
                    seat.name,
                    seat.kind,
                    seat.source,
                    now - seat.joined,
                    None if seat.asked is None else now - seat.asked,
                    replace(seat.counters),
                )
                for seat in self._seats.values()
            ),
        )

    def meter_for(self, seat: Seat, frame: MasterFrame) -> str:
        """Say whom a client's frame is for: a primary address, or the meter that it has selected."""
        return meter_named(frame, self._sharing.selection_of(seat.number))

    def switch_refusal(self, seat: Seat, frame: LongFrame) -> Refusal | None:
        """Tell why a client's baud rate switch, allowed as such, must not go out; None where it may."""
        if not self._switches_baud:
            return Refusal.BAUD_CONVERTER
        return self._switches.refusal(frame, self._sharing.selection_of(seat.number), *self._rates)

    def join(self, name: str, priority: Priority, *, kind: str = "", source: str = "") -> Seat:
        """Take a client in; raise `BusCrowdedError` when there are too many."""
        if len(self._seats) >= MAX_CLIENTS:
            raise BusCrowdedError(f"the bus has {MAX_CLIENTS} clients already")
        seat = Seat(next(self._numbers), name, priority, kind, source, self._now())
        self._seats[seat.number] = seat
        return seat

    def leave(self, seat: Seat) -> None:
        """Let a client go; what it left selected or at another rate is put right before somebody else's turn."""
        seat.closed = True
        if self._seats.pop(seat.number, None) is not None:
            self._turns.leave(seat.number)
            self._lift_selection |= self._sharing.leave(seat.number)
            self._switches.leave(seat.number, self._now())
            self._wake.set()

    def attach(self, line: BusLine, *, switches_baud: bool = True) -> None:
        """Use a line from now on; from the second on, what slaves remember is in doubt.

        :param switches_baud: whether the line's `set_baud` reaches the bus.
        """
        if self._was_attached:
            self._sharing.doubt_everything()
            self._switches.line_was_away(self._now())
        self._line = line
        self._shut = ""
        self._switches_baud = switches_baud
        self._was_attached = True
        self._wake.set()

    def detach(self, shut: str = "") -> None:
        """The line is gone: whoever waits is told at once, and a transaction that is on the bus proves nobody's silence.

        :param shut: why it must not be used though it is there.
        """
        self._line = None
        self._shut = shut
        self._wake.set()

    async def submit(
        self,
        seat: Seat,
        request: Request,
        *,
        on_bytes: Callable[[bytes], None] | None = None,
        wanted: Callable[[], bool] = lambda: True,
        patience: float | None = None,
        follow: bool = False,
    ) -> Outcome:
        """Carry out one request of a client when its turn comes; give what became of it.

        :param patience: seconds for which it may wait for its turn; None is for ever.
        :param follow: a baud rate switch in it is followed and undone; else it is the caller's affair.

        A request that had to stay off the bus ends as `Silence`, one that waited for too long as `Withheld`. Cancelled before
        its turn, the request is forgotten; during it, the answer runs out unheard. Raise `BusDownError` when there is no line, or
        it breaks.
        """
        if seat.closed:
            raise ClientClosedError(f"{seat.name} has left the bus")
        assert not seat.busy, "a client asks one thing at a time"
        if self._line is None:
            raise BusDownError(self._shut or NO_CONVERTER)
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if seat.ticket is None:
            seat.ticket = next(self._tickets)
        seat.asked = now = self._now()
        turn = Turn(seat, request, on_bytes, wanted, done, seat.ticket, follow=follow, since=now)
        seat.busy = True
        self._turns.put(turn, now)
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
            elif (switch := self._switches.due(self._now())) is not None:
                await self._switch_back(self._line, switch)
                continue
            elif (turn := self._turns.take(self._now())) is not None:
                await self._carry_out(self._line, turn)
                continue
            await self._wait()

    def _give_up(self, turn: Turn) -> None:
        if self._turns.withdraw(turn):
            turn.seat.counters.given_up += 1
            turn.settle(Withheld(verdict=Verdict.BUSY))

    async def switch_back_all(self) -> None:
        """Switch back every meter that a client left at another rate; for the end, when nobody is served any more."""
        for switch in self._switches.pending:
            if self._line is not None:
                await self._switch_back(self._line, switch)

    async def _wait(self) -> None:
        until = self._turns.held_until if len(self._turns) else float("inf")
        if self._line is not None:
            until = min(until, self._switches.next_due)
        seconds = None if until == float("inf") else max(0.0, until - self._now())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _send_all_away(self) -> None:
        while (turn := self._turns.take(float("inf"))) is not None:
            turn.settle(BusDownError(self._shut or NO_CONVERTER))

    async def _carry_out(self, line: BusLine, turn: Turn) -> None:
        self._current, self._began = turn, self._now()
        try:
            selection = self._sharing.selection_of(turn.client)
            for switch in self._switches.in_the_way(turn.client, turn.frame, selection):
                await self._switch_back(line, switch)
            await self._ask(line, turn)
        finally:
            self._current = None

    async def _ask(self, line: BusLine, turn: Turn) -> None:
        seat = turn.seat
        if not turn.wanted():
            seat.counters.given_up += 1
            turn.settle(Withheld(verdict=Verdict.BUSY))
            return
        seat.counters.requests += 1
        seat.ticket = None
        self._work(True)
        try:
            outcome = await self._exchange(line, turn)
        except TransportClosedError as error:
            self._lost(line, error)
            turn.settle(BusDownError(self._shut or f"the level converter is gone: {error}"))
            return
        except BusIOError as error:
            turn.settle(error)
            return
        finally:
            self._work(False)
        if self._shut and isinstance(outcome, Silence | Garbled):
            turn.settle(BusDownError(self._shut))
            return
        seat.counters.count(outcome)
        if not seat.closed:
            self._turns.finished(turn, outcome, self._now())
        turn.settle(outcome)

    async def _exchange(self, line: BusLine, turn: Turn) -> Outcome:
        seat = turn.seat
        selection = self._sharing.selection_of(seat.number)
        baud = self._switches.rate_for(seat.number, turn.frame, selection, seat.baud) or self.baud
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
            outcome: Outcome = end.value
        finally:
            exchange.close()
        if not was_sent:
            seat.counters.withheld += 1
            # Nobody was there for this client to ask: for it, that is what silence means.
            return Withheld(verdict=Verdict.DONE)
        self._note_rate(turn, selection, baud, outcome)
        return outcome

    def _note_rate(self, turn: Turn, selection: LongFrame | None, baud: int, outcome: Outcome) -> None:
        seat = turn.seat
        before = self._switches.problems
        self._switches.carried(
            seat.number,
            seat.name,
            turn.frame,
            selection,
            baud,
            outcome,
            self._now(),
            follow=turn.follow,
        )
        if seat.closed:
            self._switches.leave(seat.number, self._now())
        if before != self._switches.problems:
            self._tell_change()

    async def _carry(self, line: BusLine, turn: Turn, carry: Carry) -> Outcome:
        gate = Gate(carry.request, carry.selection, turn.hear) if carry.own and turn.on_bytes else None
        turn.seat.counters.inserted += not carry.own
        outcome = await self._transact(
            line,
            carry.request,
            turn.seat.name,
            own=carry.own,
            selection=carry.selection,
            on_bytes=gate.feed if gate else None,
        )
        if gate:
            gate.finish(outcome)
        return outcome

    async def _transact(
        self,
        line: BusLine,
        request: Request,
        client: str,
        *,
        own: bool,
        selection: LongFrame | None = None,
        on_bytes: Callable[[bytes], None] | None = None,
    ) -> Outcome:
        if self._shut:
            raise TransportClosedError(self._shut)
        began = self._now()
        if is_selection(request.frame):
            self._selected_at = line.baud
        outcome = await line.transact(request, on_bytes=on_bytes)
        if self._watch is not None:
            seconds = self._now() - began
            self._watch(Carried(client, request, outcome, seconds, line.baud, own, selection))
        return outcome

    async def _lift(self, line: BusLine) -> None:
        self._lift_selection = False
        request = Request(snd_nke(SELECTED), Expects.ACK)
        try:
            # Who was selected at another rate does not hear the bus's own.
            if line.baud != self._selected_at:
                await line.set_baud(self._selected_at)
            await self._transact(line, request, MASTER, own=False)
        except BusIOError as error:
            _log.debug("the selection of a client that left could not be released: %s", error)
            self._lost(line, error)
        self._sharing.master_asked(request, Silence())

    async def _switch_back(self, line: BusLine, switch: Switch) -> None:
        """Bring a meter back to its rate, or note that this failed."""
        self._work(True)
        try:
            done = await driver.run(switch_back(switch), _OwnBus(self, line, switch))
        except BusIOError as error:
            _log.debug("%s could not be switched back: %s", switch, error)
            self._lost(line, error)
            done = False
        finally:
            self._work(False)
        if self._line is not line and not done:
            # The next line begins with it.
            return
        if done:
            _log.info("%s is back at %d baud after %s", switch, switch.old, switch.name)
            self._switches.undone(switch)
        else:
            self._switches.failed(switch, self._now())
            if switch.failures == 1:
                _log.warning(
                    "%s does not answer at %d baud after %s switched it to %d; trying again",
                    switch,
                    switch.old,
                    switch.name,
                    switch.rates[0],
                )
        self._tell_change()

    def _lost(self, line: BusLine, error: BusIOError) -> None:
        if isinstance(error, TransportClosedError) and self._line is line:
            self.detach()

    def _work(self, begins: bool) -> None:
        self.working = begins
        if begins:
            self._tell_change()

    def _tell_change(self) -> None:
        if self._changed is not None:
            self._changed()

    def _holder(self, now: float) -> Holder | None:
        held = self._turns.conversation
        turn = self._current
        if turn is not None:
            goes_on = held is not None and held.continues(turn)
            began = held.began if held is not None and goes_on else self._began
            return Holder(
                turn.client, turn.seat.name, turn.seat.source, self._meter_of(turn), now - began, True
            )
        seat = self._seats.get(held.client) if held is not None else None
        if held is None or seat is None or now > held.until:
            return None
        meter = meter_at(held.address, self._sharing.selection_of(seat.number))
        return Holder(seat.number, seat.name, seat.source, meter, now - held.began, False)

    def _meter_of(self, turn: Turn) -> str:
        return self.meter_for(turn.seat, turn.frame)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class _OwnBus:
    """The bus as the master itself uses it between clients' turns."""

    def __init__(self, arbiter: Arbiter, line: BusLine, switch: Switch) -> None:
        self._arbiter = arbiter
        self._line = line
        self._switch = switch

    async def transact(self, request: Request) -> Outcome:
        switch = self._switch
        outcome = await self._arbiter._transact(
            self._line, request, switch.name, own=False, selection=switch.selection
        )
        self._arbiter._sharing.master_asked(request, outcome)
        return outcome

    async def set_baud(self, baud: int) -> None:
        if self._line.baud != baud:
            await self._line.set_baud(baud)
