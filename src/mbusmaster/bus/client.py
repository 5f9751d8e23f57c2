"""A client's share of a bus: what a channel or a job of the master holds."""

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from mbus.link.transaction import Outcome
from mbus.procedures.steps import Note, Procedure, Request
from mbusio import driver
from mbusio.barrier import Verdict
from mbusio.errors import BusIOError
from mbusmaster.bus.arbiter import PATIENCE, Arbiter, ClientCounters, Seat
from mbusmaster.bus.requests import MasterFrame, Refusal, Withheld, refusal, request_of
from mbusmaster.bus.turns import Priority
from mbusmaster.errors import BusDownError

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Client:
    """One user of a bus; leaves it when closed, also as a context manager.

    :param name: for logs and counters.
    :param allow_writes: whether `transparent` passes write services on.
    :param tell: is given a kind of event and a line for the log; without it each kind is logged once.
    """

    def __init__(
        self,
        arbiter: Arbiter,
        name: str,
        *,
        priority: Priority = Priority.TRANSPARENT,
        allow_writes: bool = False,
        tell: Callable[[str, str], None] | None = None,
    ) -> None:
        self._arbiter = arbiter
        self._seat: Seat = arbiter.join(name, priority)
        self._allow_writes = allow_writes
        self._tell = tell or self._log_once
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
        reason = refusal(frame, allow_writes=self._allow_writes)
        if reason is not None:
            self._refuse(frame, reason)
            return Withheld(verdict=Verdict.REFUSED)
        try:
            return await self._arbiter.submit(
                self._seat, request_of(frame), on_bytes=on_bytes, wanted=wanted, patience=PATIENCE
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
        """Carry out one transaction of a job of the master itself; raise `BusDownError` without a bus."""
        return await self._arbiter.submit(self._seat, request)

    async def set_baud(self, baud: int) -> None:
        """Use another rate for this client's requests from now on; the others keep theirs."""
        self._seat.baud = baud

    def close(self) -> None:
        """Leave the bus."""
        self._arbiter.leave(self._seat)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _refuse(self, frame: MasterFrame, reason: Refusal) -> None:
        self.counters.refused += 1
        self._tell(
            f"refused: {reason.name}", f"{frame.to_bytes()[:16].hex(' ').upper()} not passed on: {reason}"
        )

    def _log_once(self, kind: str, text: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            _log.warning("%s: %s", self.name, text)
