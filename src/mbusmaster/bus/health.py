"""The state of a bus in one word, as the guide shows it, with the reason.

===========  ======================================================================================================
shut down    the driver has cut the bus off (overload, short circuit, temperature)
fault        the line monitor speaks of a short circuit or an overload; the converter cannot be reached; the line is
             never quiet; meters that answered before all fall silent
active       a transaction is on the bus, or was a moment ago
idle         everything works and nobody asks
===========  ======================================================================================================

The first line that is true counts; `Cause` tells the faults apart for the lamps. No I/O, no clock: facts and times are handed in.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mbus.link.transaction import Ack, Expects, Fault, Garbled, Reply, Silence
from mbusmaster.bus.carried import Carried
from mbusmaster.bus.line.reading import LineReading
from mbusmaster.bus.requests import is_one_slave

ACTIVE_SECONDS: Final = 1.0
"""The bus counts as active for so long after a transaction: an eye can follow that."""
SILENT_METERS: Final = 3
"""So many different meters that used to answer must fail in a row before the bus, and not the meters, is to blame."""
READING_SECONDS: Final = 15.0
"""A reading of the line monitor that is older says nothing any more."""
WARNING: Final = "warning"
"""Word of the line monitor for more load than is good."""


class BusState(StrEnum):
    """What the status page and the lamps show."""

    IDLE = "idle"
    ACTIVE = "active"
    FAULT = "fault"
    SHUT_DOWN = "shut down"


class Cause(StrEnum):
    """What is behind a fault or a cut-off; `NONE` in the other states."""

    NONE = "none"
    CONVERTER = "converter"
    """The level converter cannot be reached."""
    NOISE = "noise"
    """The line is never quiet."""
    SILENT = "silent"
    """Meters that answered before all fall silent."""
    OVERLOAD = "overload"
    SHORT_CIRCUIT = "short circuit"
    OVERTEMPERATURE = "overtemperature"


@dataclass(frozen=True, slots=True)
class Health:
    """A state and why it is so; the reason is empty where all is well.

    :ivar line: the last reading of the line monitor, where there is one.
    :ivar cause: of a fault or a cut-off.
    :ivar warnings: what somebody should look at though the bus works, each a sentence.
    """

    state: BusState
    reason: str = ""
    line: LineReading | None = None
    cause: Cause = Cause.NONE
    warnings: tuple[str, ...] = ()


_WORDS: Final = {
    "short": Cause.SHORT_CIRCUIT,
    "temperature": Cause.OVERTEMPERATURE,
    "overload": Cause.OVERLOAD,
}
"""What the line monitor's words for trouble contain."""


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

    def health(self, now: float, *, working: bool = False, warnings: tuple[str, ...] = ()) -> Health:
        """Give the state now.

        :param working: a transaction is on the bus.
        :param warnings: to be added.
        """
        line = self._line if now - self._line_at <= READING_SECONDS else None
        if line is not None and line.condition == WARNING and line.load is not None:
            warnings = (f"the bus carries {line.load:.0f} percent of its load", *warnings)

        def found(state: BusState, reason: str = "", cause: Cause = Cause.NONE) -> Health:
            return Health(state, reason, line, cause, warnings)

        if line is not None and (cause := _electrical(line)) is not Cause.NONE:
            return found(BusState.SHUT_DOWN if line.shut_down else BusState.FAULT, line.condition, cause)
        if self._down is not None:
            return found(BusState.FAULT, self._down, Cause.CONVERTER)
        if self._babbles:
            return found(BusState.FAULT, "the line is never quiet", Cause.NOISE)
        if len(self._silent) >= SILENT_METERS:
            reason = f"{len(self._silent)} meters that answered before are silent"
            return found(BusState.FAULT, reason, Cause.SILENT)
        if working or now - self._carried_at < ACTIVE_SECONDS:
            return found(BusState.ACTIVE)
        return found(BusState.IDLE)


def _electrical(line: LineReading) -> Cause:
    """Tell what the line monitor complains of; a driver that only says that it has cut off had too much load."""
    for word, cause in _WORDS.items():
        if word in line.condition:
            return cause
    return Cause.OVERLOAD if line.shut_down else Cause.NONE
