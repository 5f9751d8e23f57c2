"""A client's share of a bus: what a channel or a job of the master holds."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

from mbus.link.frames import LongFrame
from mbus.link.transaction import Outcome
from mbus.procedures.steps import Note, Procedure, Request
from mbusio import driver
from mbusio.barrier import Verdict
from mbusio.errors import BusIOError
from mbusmaster.bus.arbiter import PATIENCE, Arbiter
from mbusmaster.bus.counters import ClientCounters
from mbusmaster.bus.requests import (
    MasterFrame,
    Refusal,
    Withheld,
    is_baud_switch,
    refusal,
    request_of,
)
from mbusmaster.bus.seats import Seat
from mbusmaster.bus.turns import Priority
from mbusmaster.bus.writes import WriteReports, is_write, what_is_written
from mbusmaster.errors import BusDownError

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Client:
    """One user of a bus; leaves it when closed, also as a context manager.

    :param name: for logs and counters.
    :param kind: what it came through, or what it is: "plain tcp", "scan".
    :param source: where it comes from: an address, a user.
    :param allow_writes: whether `transparent` passes write services on.
    :param allow_baud_switch: whether it passes baud rate switches on, to be followed and undone.
    :param tell: is given a kind of event and a line for the log; without it each kind is logged once.
    :param report: is given each write service, whether it passed or not.
    """

    def __init__(
        self,
        arbiter: Arbiter,
        name: str,
        *,
        priority: Priority = Priority.TRANSPARENT,
        kind: str = "",
        source: str = "",
        allow_writes: bool = False,
        allow_baud_switch: bool = False,
        tell: Callable[[str, str], None] | None = None,
        report: WriteReports | None = None,
    ) -> None:
        self._arbiter = arbiter
        self._seat: Seat = arbiter.join(name, priority, kind=kind, source=source)
        self._allow_writes = allow_writes
        self._allow_baud_switch = allow_baud_switch
        self._tell = tell or self._log_once
        self._report = report
        self._told: set[str] = set()

    @property
    def name(self) -> str:
        """Name for logs and counters."""
        return self._seat.name

    @property
    def counters(self) -> ClientCounters:
        """What this client had from the bus."""
        return self._seat.counters

    @property
    def has_bus(self) -> bool:
        """Whether the converter can be reached now."""
        return self._arbiter.is_attached

    async def transparent(
        self,
        frame: MasterFrame,
        on_bytes: Callable[[bytes], None],
        *,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Outcome:
        """Pass a frame of a foreign master on as it is, once; its answer goes to `on_bytes` as it arrives.

        Silence stays silence. What may not or cannot be passed on is silence too (`Withheld`): the reason is told and counted.

        :param wanted: tells false when the client has given the frame up, which then is not sent or its answer not heard.
        """
        reason = self._refusal(frame)
        if reason is not None:
            return self._refuse(frame, reason)
        return await self._reported(frame, self._pass_on(frame, on_bytes, wanted))

    async def _pass_on(
        self, frame: MasterFrame, on_bytes: Callable[[bytes], None], wanted: Callable[[], bool]
    ) -> Outcome:
        try:
            return await self._arbiter.submit(
                self._seat,
                request_of(frame),
                on_bytes=on_bytes,
                wanted=wanted,
                patience=PATIENCE,
                follow=True,
            )
        except BusDownError:
            return Withheld(verdict=Verdict.DOWN)
        except BusIOError as error:
            self._tell("bus", str(error))
            return Withheld(verdict=Verdict.DOWN)

    async def run(self, procedure: Procedure[T], *, watch: Callable[[Note], None] | None = None) -> T:
        """Run one of `mbus`'s procedures on this client's share of the bus; give what it returns.

        Raise what the procedure raises, and `BusDownError`.
        """
        return await driver.run(procedure, self, watch=watch)

    async def transact(self, request: Request) -> Outcome:
        """Carry out one transaction of a job of the master itself; raise `BusDownError` without a bus.

        Write services are reported; baud rate switches last, for they are the job's affair.
        """
        return await self._reported(request.frame, self._arbiter.submit(self._seat, request))

    def use_baud(self, baud: int) -> None:
        """Use another rate for this client's requests from now on; the others keep theirs."""
        self._seat.baud = baud

    async def set_baud(self, baud: int) -> None:
        """Do as `use_baud`, for procedures."""
        self.use_baud(baud)

    def close(self) -> None:
        """Leave the bus."""
        self._arbiter.leave(self._seat)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _refusal(self, frame: MasterFrame) -> Refusal | None:
        reason = refusal(frame, allow_writes=self._allow_writes, allow_baud_switch=self._allow_baud_switch)
        if reason is None and is_baud_switch(frame):
            return self._arbiter.switch_refusal(self._seat, frame)
        return reason

    async def _reported(self, frame: MasterFrame, asking: Awaitable[Outcome]) -> Outcome:
        """Await what becomes of a request, and report it where it writes."""
        if not is_write(frame):
            return await asking
        self.counters.writes += 1
        # Whom it is for is known now; afterwards another selection may stand.
        meter = self._arbiter.meter_for(self._seat, frame)
        outcome: Outcome | None = None
        try:
            outcome = await asking
        finally:
            self._report_write(frame, meter, outcome, passed=True)
        return outcome

    def _report_write(self, frame: LongFrame, meter: str, outcome: Outcome | None, *, passed: bool) -> None:
        if self._report is not None:
            now = asyncio.get_running_loop().time()
            who = (self._seat.name, self._seat.source)
            self._report.report(who, meter, frame, outcome, passed=passed, now=now)

    def _refuse(self, frame: MasterFrame, reason: Refusal) -> Withheld:
        self.counters.refused += 1
        refused = Withheld(verdict=Verdict.REFUSED)
        shown = frame.to_bytes()[:16].hex(" ").upper()
        if is_write(frame):
            meter = self._arbiter.meter_for(self._seat, frame)
            shown = f"{what_is_written(frame)} at {meter}"
            self._report_write(frame, meter, refused, passed=False)
        self._tell(f"refused: {reason.name}", f"{shown} not passed on: {reason}")
        return refused

    def _log_once(self, kind: str, text: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            _log.warning("%s: %s", self.name, text)
