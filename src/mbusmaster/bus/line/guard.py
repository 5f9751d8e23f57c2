"""When a bus is shut down, and when it comes back. No I/O, no clock: samples and times are handed in.

::

           bad twice in a row               back_after is over, cooled down
    ON ──────────────────────────▶ SHUT ─────────────────────────────────▶ CHECKING
     ▲                              ▲                                        │   │
     │                              └──── bad twice in a row (own switch) ───┘   │
     └─────────────────── good twice in a row, or nothing to be read ────────────┘

The bus carries requests only while it is ON. Where we switch its supply ourselves, it is off while SHUT, and CHECKING begins with
the rush of all meters' capacitors, which is not judged. Where a driver cuts off by itself, CHECKING lasts until it is well again.

Many meters that answer at once draw more than any limit, for as long as an answer lasts: while an answer is expected a high
current counts only when it stays for longer than any answer. Every trip that follows soon doubles the wait.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from mbusmaster.bus.line.reading import Sample, Trouble

SAMPLES: Final = 2
"""So many in a row decide: a single one may be a spike."""
LOUD_SECONDS: Final = 12.0
"""Longer than the longest answer at the slowest rate (261 characters at 300 baud: 9.6 s)."""
RUSH_SECONDS: Final = 1.0
"""After the supply is back, meters charge their capacitors."""
BLIND_SECONDS: Final = 10.0
"""A check without any sample ends after so long: a dead sensor must not take the bus with it."""
STEADY_SECONDS: Final = 600.0
"""A bus that carried so long is well: the waits begin anew."""
LONGEST_WAIT: Final = 600.0
COOLER: Final = 5.0
"""K below the limit that a driver must have cooled down."""
LESS: Final = 0.95
"""Of a limit of the current: below it things are well again."""
SHORT_CIRCUIT: Final = 2.0
"""Times the shut-down current: so much no number of meters draws in idle."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings say (`LineSettings`): mA, °C, seconds."""

    warn_at: float = 375.0
    shut_down_at: float = 550.0
    temperature: float = 85.0
    back_after: float = 5.0


class Phase(Enum):
    """Where a bus stands."""

    ON = 1
    SHUT = 2
    CHECKING = 3


class Guard:
    """The state of one bus.

    :param has_switch: its supply is switched by us: switching it on is the first thing that is checked.
    :ivar trouble: why the bus is shut down; None while it carries.
    :ivar trips: how often it was shut down.
    :ivar back_at: when a bus that is SHUT is tried again.
    :ivar warns: it draws more in idle than is good.
    """

    def __init__(self, limits: Limits, *, has_switch: bool, now: float = 0.0) -> None:
        self.phase = Phase.CHECKING if has_switch else Phase.ON
        self.trouble: Trouble | None = None
        self.trips = 0
        self.back_at = float("-inf")
        self.warns = False
        self._limits = limits
        self._has_switch = has_switch
        self._since = now if has_switch else float("-inf")
        self._in_a_row = 0
        self._bad = 0
        self._good = 0
        self._loud_since: float | None = None
        self._seen_at = float("-inf")
        self._is_hot = False

    @property
    def carries(self) -> bool:
        """Whether requests may go out."""
        return self.phase is Phase.ON

    @property
    def feeds(self) -> bool:
        """Whether our switch, where there is one, is to be on."""
        return self.phase is not Phase.SHUT

    @property
    def suspects(self) -> bool:
        """Whether the next sample decides, so that it should come soon."""
        return self._bad > 0 and self.phase is not Phase.SHUT

    def seen(self, sample: Sample, now: float, *, quiet: bool) -> None:
        """Take a sample.

        :param quiet: no answer was expected while it was taken.
        """
        self.pass_time(now)
        trouble = self._trouble_of(sample)
        self._seen_at = now
        self._is_hot = trouble is Trouble.OVERTEMPERATURE
        if self.phase is Phase.SHUT or (self._has_switch and self._is_rush(now)):
            return
        by_current = trouble in (Trouble.OVERLOAD, Trouble.SHORT_CIRCUIT)
        by_current = by_current and sample.trouble is None and not sample.is_off
        if trouble is not None and by_current and not quiet:
            self._loud_since = now if self._loud_since is None else self._loud_since
            if now - self._loud_since < LOUD_SECONDS:
                return
        else:
            self._loud_since = None
        self._judge(trouble, now)
        if quiet and trouble is None:
            self._weigh(sample)

    def blind(self, now: float) -> None:
        """There was no sample to be had."""
        self.pass_time(now)
        if self.phase is Phase.CHECKING and now - max(self._seen_at, self._since) >= BLIND_SECONDS:
            self._enter(Phase.ON, now)

    def pass_time(self, now: float) -> None:
        """Do what is due by time alone."""
        if self.phase is Phase.SHUT and now >= self.back_at:
            if self._is_hot and now - self._seen_at < BLIND_SECONDS:
                return
            self._enter(Phase.CHECKING, now)

    def _is_rush(self, now: float) -> bool:
        return self.phase is Phase.CHECKING and now - self._since < RUSH_SECONDS

    def _judge(self, trouble: Trouble | None, now: float) -> None:
        if trouble is None:
            self._bad = 0
            self._good += 1
            if self.phase is Phase.CHECKING and self._good >= SAMPLES:
                self._enter(Phase.ON, now)
            return
        self._good = 0
        self._bad += 1
        if self.phase is Phase.CHECKING and not self._has_switch:
            # Nothing was tried: the driver is still off, or what is wrong with it still there.
            self.trouble = trouble
            self._bad = 0
        elif self._bad >= SAMPLES:
            self._trip(trouble, now)

    def _trip(self, trouble: Trouble, now: float) -> None:
        is_steady = self.phase is Phase.ON and now - self._since >= STEADY_SECONDS
        self._in_a_row = 1 if is_steady else self._in_a_row + 1
        wait = self._limits.back_after * 2.0 ** min(self._in_a_row - 1, 12)
        self.back_at = now + min(wait, max(LONGEST_WAIT, self._limits.back_after))
        self.trips += 1
        self._enter(Phase.SHUT, now)
        self.trouble = trouble

    def _enter(self, phase: Phase, now: float) -> None:
        self.phase = phase
        self._since = now
        self._bad = self._good = 0
        self._loud_since = None
        if phase is Phase.ON:
            self.trouble = None
        else:
            self.warns = False

    def _trouble_of(self, sample: Sample) -> Trouble | None:
        if sample.trouble is not None:
            return sample.trouble
        if sample.is_off:
            return Trouble.OVERLOAD
        carries, limits = self.carries, self._limits
        hot = limits.temperature if carries else limits.temperature - COOLER
        if sample.temperature is not None and sample.temperature >= hot:
            return Trouble.OVERTEMPERATURE
        much = limits.shut_down_at if carries else limits.shut_down_at * LESS
        if sample.current is None or sample.current < much:
            return None
        is_short = sample.current >= SHORT_CIRCUIT * limits.shut_down_at
        return Trouble.SHORT_CIRCUIT if is_short else Trouble.OVERLOAD

    def _weigh(self, sample: Sample) -> None:
        idle = sample.current if sample.idle is None else sample.idle
        if idle is not None:
            self.warns = idle > self._limits.warn_at * (LESS if self.warns else 1.0)
