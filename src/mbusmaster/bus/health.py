"""The state of a bus in one word, as the guide shows it, with the reason.

===========  ======================================================================================================
shut down    the driver has cut the bus off (overload, short circuit, temperature)
fault        the converter cannot be reached; the line is never quiet; meters that answered before all fall silent
active       a transaction is on the bus, or was a moment ago
idle         everything works and nobody asks
===========  ======================================================================================================

The first line that is true counts. No I/O, no clock: facts and times are handed in.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mbus.link.transaction import Ack, Expects, Fault, Garbled, Reply, Silence
from mbusmaster.bus.arbiter import Carried
from mbusmaster.bus.monitor import LineReading
from mbusmaster.bus.requests import is_one_slave

ACTIVE_SECONDS: Final = 1.0
"""The bus counts as active for so long after a transaction: an eye can follow that."""
SILENT_METERS: Final = 3
"""So many different meters that used to answer must fail in a row before the bus, and not the meters, is to blame."""
READING_SECONDS: Final = 15.0
"""A reading of the line monitor that is older says nothing any more."""


class BusState(StrEnum):
    """What the status page and the lamps show."""

    IDLE = "idle"
    ACTIVE = "active"
    FAULT = "fault"
    SHUT_DOWN = "shut down"


@dataclass(frozen=True, slots=True)
class Health:
    """A state and why it is so; the reason is empty where all is well.

    :ivar line: the last reading of the line monitor, where there is one.
    """

    state: BusState
    reason: str = ""
    line: LineReading | None = None


class HealthJudge:
    """Collects what is seen of one bus."""

    def __init__(self) -> None:
        self._down: str | None = "the level converter has not been opened yet"
        self._line: LineReading | None = None
        self._line_at = float("-inf")
        self._carried_at = float("-inf")
        self._babbles = False
        self._answered: set[int] = set()
        self._silent: set[int] = set()

    def connected(self) -> None:
        """The converter is open."""
        self._down = None
        self._babbles = False
        self._silent.clear()

    def disconnected(self, reason: str) -> None:
        """The converter is gone, or could not be opened."""
        self._down = reason

    def measured(self, reading: LineReading, now: float) -> None:
        """The line monitor was read."""
        self._line = reading
        self._line_at = now

    def carried(self, carried: Carried, now: float) -> None:
        """A transaction was on the bus."""
        self._carried_at = now
        outcome = carried.outcome
        address = carried.request.frame.address
        self._babbles = isinstance(outcome, Garbled) and outcome.why is Fault.BABBLE
        if isinstance(outcome, Ack | Reply):
            self._silent.clear()
            if is_one_slave(address):
                self._answered.add(address)
        elif (
            isinstance(outcome, Silence)
            and carried.request.expects is not Expects.NOTHING
            and address in self._answered
        ):
            self._silent.add(address)

    def health(self, now: float, *, working: bool = False) -> Health:
        """Give the state now; `working` says that a transaction is on the bus."""
        line = self._line if now - self._line_at <= READING_SECONDS else None
        if line is not None and line.shut_down:
            return Health(BusState.SHUT_DOWN, line.condition, line)
        if self._down is not None:
            return Health(BusState.FAULT, self._down, line)
        if self._babbles:
            return Health(BusState.FAULT, "the line is never quiet", line)
        if len(self._silent) >= SILENT_METERS:
            return Health(BusState.FAULT, f"{len(self._silent)} meters that answered before are silent", line)
        if working or now - self._carried_at < ACTIVE_SECONDS:
            return Health(BusState.ACTIVE, line=line)
        return Health(BusState.IDLE, line=line)
