"""One transaction at a time on one transport, with the standard's timing (MBUS.md 1.4, 1.5).

What arrives is taken from the transport at once, whoever waits for it: each piece has the time at which it came, a transport
that vanishes is noticed while nothing is asked, and bytes that belong to no request are known as such.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, TypeVar

from mbus.addressing import SELECTED
from mbus.link.timing import answer_window, characters, idle
from mbus.link.transaction import (
    MAX_ANSWER,
    Ack,
    Expects,
    Fault,
    Garbled,
    Outcome,
    Reply,
    Silence,
    Timing,
    Transaction,
)
from mbus.procedures.counters import Counters
from mbus.procedures.steps import Request
from mbusio.allowance import Allowance
from mbusio.errors import TransportClosedError
from mbusio.listener import Listener
from mbusio.trace import Direction, Trace, Tracer
from mbusio.transport.base import Transport

BABBLE_SECONDS: Final = 3.0
"""A line that is not quiet for so long, with nobody asked, is not going to be."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Line:
    """The owner of a transport.

    :param baud: rate on the bus; None takes the transport's word.
    :param trace: is told all traffic.
    :ivar counters: transactions by kind.
    :ivar busy_seconds: time that transactions took, quiet after them included.
    :ivar sent: bytes handed to the transport.
    :ivar received: bytes that came.
    :ivar stray: those of them that no request was waiting for.
    :ivar known_allowance: seconds that the path may add to an answer, where that is known; None leaves it to the transport, and
        to what is learned.
    """

    def __init__(self, transport: Transport, *, baud: int | None = None, trace: Tracer | None = None) -> None:
        self.transport = transport
        self.baud = transport.baud if baud is None else baud
        self.counters = Counters()
        self.busy_seconds = 0.0
        self.sent = 0
        self.received = 0
        self.stray = 0
        self.known_allowance: float | None = None
        self._trace = trace
        self._allowance = Allowance(transport.allowance) if transport.adaptive else None
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._lost: str | None = None
        self._active: Listener[Any] | None = None
        self._on_bytes: Callable[[bytes], None] | None = None
        self._streamed = 0
        self._first_byte_at: float | None = None
        self._last_byte_at = float("-inf")
        self._strays = bytearray()
        self._last_outcome: Outcome | None = None

    @property
    def answer_window(self) -> float:
        """Seconds from the end of a request to the latest first byte, as things are now."""
        return self._timing(None).answer_window

    @property
    def doubts(self) -> int:
        """How often an answer was seen to be late on a path whose delay is learned: silences before it may not have been any."""
        return self._allowance.doubts if self._allowance else 0

    def start(self) -> None:
        """Begin to take what arrives; `transact` does so too."""
        if self._pump is None:
            self._pump = asyncio.create_task(self._take_what_comes())

    async def wait_lost(self) -> str:
        """Wait until the transport is gone; give the reason."""
        self.start()
        assert self._pump is not None
        await asyncio.wait({self._pump})
        return self._lost or f"{self.transport.name} is closed"

    async def transact(self, request: Request, *, on_bytes: Callable[[bytes], None] | None = None) -> Outcome:
        """Send a request and wait for what becomes of it; calls queue, first come, first served.

        :param on_bytes: is given the answer's bytes as they come, never an echo, noise between two requests included nowhere.

        Cancelled, the answer runs out unheard, and only then does the next request begin. Raise `TransportClosedError` when
        the transport is gone.
        """
        return await self._undisturbed(lambda: self._carry_out(request), on_bytes)

    async def converse(self, data: bytes, listener: Listener[T]) -> T:
        """Send bytes and hear what comes until the listener has its outcome; otherwise as `transact`, and counted nowhere."""
        return await self._undisturbed(lambda: self._carry_out_freely(data, listener))

    async def set_baud(self, baud: int) -> None:
        """Use another rate, once the running transaction is over and after the bus has been idle at the old one."""
        async with self._lock:
            await self._wait_idle()
            with self._noticing_loss():
                await self.transport.set_baud(baud)
            self.baud = baud
            # Slaves that detect the rate need the quiet at the new one too (MBUS.md 1.6).
            self._last_byte_at = asyncio.get_running_loop().time()

    async def close(self) -> None:
        """Close the transport; a running transaction ends with `TransportClosedError`."""
        await self.transport.close()
        if self._pump is not None:
            await asyncio.wait({self._pump})

    async def _undisturbed(
        self,
        carry_out: Callable[[], Coroutine[None, None, T]],
        on_bytes: Callable[[bytes], None] | None = None,
    ) -> T:
        self.start()
        await self._lock.acquire()
        self._on_bytes = on_bytes
        carrying = asyncio.create_task(carry_out())
        carrying.add_done_callback(self._carried_out)
        try:
            return await asyncio.shield(carrying)
        except asyncio.CancelledError:
            self._on_bytes = None
            raise

    def _carried_out(self, carrying: asyncio.Task[T]) -> None:
        self._on_bytes = None
        self._lock.release()
        # A cancelled caller fetches no result; looking at it keeps asyncio from complaining.
        if not carrying.cancelled():
            carrying.exception()

    async def _take_what_comes(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                data = await self.transport.read()
                self._arrived(data, loop.time())
        except TransportClosedError as error:
            self._lost = str(error)
        finally:
            self._lost = self._lost or f"{self.transport.name} is closed"
            self._wake.set()

    @contextlib.contextmanager
    def _noticing_loss(self) -> Iterator[None]:
        # A port that takes nothing more may keep its reader waiting for ever.
        try:
            yield
        except TransportClosedError as error:
            self._lost = self._lost or str(error)
            if self._pump is not None:
                self._pump.cancel()
            raise

    def _arrived(self, data: bytes, now: float) -> None:
        self.received += len(data)
        self._last_byte_at = now
        if self._active is None:
            self.stray += len(data)
            self._strays += data
            del self._strays[MAX_ANSWER:]
            self._tell(Trace(now, Direction.STRAY, data))
            return
        self._active.received(data, now)
        if not isinstance(self._active, Transaction):
            # What it is shows only in the end.
            self._tell(Trace(now, Direction.ANSWER, data))
        answer = self._active.answer
        if answer and self._first_byte_at is None:
            self._first_byte_at = now
        self._stream(answer)
        self._wake.set()

    def _stream(self, answer: bytes) -> None:
        if self._on_bytes is not None and len(answer) > self._streamed:
            fresh = answer[self._streamed :]
            self._streamed = len(answer)
            try:
                self._on_bytes(fresh)
            except Exception:
                _log.exception("whoever wanted the answer's bytes failed; they get no more of this one")
                self._on_bytes = None

    async def _carry_out(self, request: Request) -> Outcome:
        loop = asyncio.get_running_loop()
        is_idle = await self._wait_idle()
        strays = bytes(self._strays)
        self._strays.clear()
        started = loop.time()
        outcome = await self._exchange(request, strays) if is_idle else Garbled(strays, Fault.BABBLE)
        self.counters.count(request, outcome)
        self.busy_seconds += loop.time() - started
        self._last_outcome = outcome
        return outcome

    async def _wait_idle(self) -> bool:
        """Wait until the line is quiet, `BABBLE_SECONDS` at most; tell whether it is."""
        loop = asyncio.get_running_loop()
        # What the system holds already reaches us within a few rounds of the loop.
        for _ in range(3):
            await asyncio.sleep(0)
        give_up = loop.time() + BABBLE_SECONDS
        while (now := loop.time()) < give_up:
            quiet = self._timing(None).longest_gap if self._strays else idle(self.baud)
            if self._last_byte_at + quiet <= now:
                return True
            await asyncio.sleep(self._last_byte_at + quiet - now)
        return False

    def _timing(self, window: float | None) -> Timing:
        allowance = self.transport.allowance
        if self.known_allowance is not None:
            allowance = self.known_allowance
        elif self._allowance is not None:
            allowance = self._allowance.seconds(asyncio.get_running_loop().time())
        return Timing(self.baud, allowance, self.transport.gap, window)

    async def _exchange(self, request: Request, strays: bytes) -> Outcome:
        loop = asyncio.get_running_loop()
        data = request.frame.to_bytes()
        started = loop.time()
        transaction = Transaction(request.frame, request.expects, self._timing(request.timeout), started)
        transaction.received(strays, started)
        listener: Listener[Outcome] = transaction
        sent_at, outcome = await self._talk(data, listener)
        self._tell(Trace(loop.time(), Direction.ANSWER, transaction.answer, outcome))
        self._learn(request, outcome, max(sent_at, started + characters(len(data), self.baud)))
        return outcome

    async def _carry_out_freely(self, data: bytes, listener: Listener[T]) -> T:
        loop = asyncio.get_running_loop()
        await self._wait_idle()
        self._strays.clear()
        started = loop.time()
        _, outcome = await self._talk(data, listener)
        self.busy_seconds += loop.time() - started
        return outcome

    async def _talk(self, data: bytes, listener: Listener[T]) -> tuple[float, T]:
        """Send bytes and listen; give when they were sent, and the outcome."""
        if self._lost:
            raise TransportClosedError(self._lost)
        loop = asyncio.get_running_loop()
        self._active, self._streamed, self._first_byte_at = listener, 0, None
        self._tell(Trace(loop.time(), Direction.SENT, data))
        try:
            with self._noticing_loss():
                await self.transport.write(data)
            self.sent += len(data)
            sent_at = loop.time()
            listener.transmitted(sent_at)
            return sent_at, await self._wait_for(listener)
        finally:
            self._active = None

    async def _wait_for(self, listener: Listener[T]) -> T:
        loop = asyncio.get_running_loop()
        while (outcome := listener.outcome) is None:
            if self._lost:
                raise TransportClosedError(self._lost)
            self._wake.clear()
            timer = loop.call_at(listener.deadline, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()
            listener.expire(loop.time())
        return outcome

    def _learn(self, request: Request, outcome: Outcome, request_end: float) -> None:
        if self._allowance is None or self.known_allowance is not None:
            return
        now = asyncio.get_running_loop().time()
        before = self._last_outcome
        if (outcome.late and isinstance(before, Silence)) or (
            isinstance(outcome, Garbled) and outcome.why is Fault.FOREIGN
        ):
            self._allowance.late()
        elif isinstance(outcome, Ack | Reply) and self._first_byte_at is not None:
            window = answer_window(self.baud) if request.timeout is None else request.timeout
            self._allowance.answered(max(0.0, self._first_byte_at - request_end), window, now)
        elif (
            isinstance(outcome, Silence)
            and isinstance(before, Ack)
            and request.frame.address == SELECTED
            and request.expects is Expects.RESPONSE
        ):
            self._allowance.surprised()

    def _tell(self, trace: Trace) -> None:
        if self._trace is not None:
            self._trace(trace)
