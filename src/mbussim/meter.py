"""What the simulated bus knows of a meter: its answers, what it does when told, and its electrical and timing traits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mbus.addressing import LAST_PRIMARY, SecondaryAddress
from mbus.link import timing
from mbus.link.fields import RSP_UD
from mbus.link.frames import LongFrame

AUTO_BAUD = frozenset((300, 600, 1200, 2400, 4800, 9600, 19200))


@dataclass(frozen=True, slots=True)
class Traits:
    """How a meter behaves on the wire.

    :ivar rates: baud rates at which it understands a request.
    :ivar switchable: CI B8 to BF change its rate; without it the meter answers at the rate of each request.
    :ivar delay: seconds from the end of a request to its answer; never less than 11 bit times.
    :ivar jitter: seconds by which the delay varies from answer to answer.
    :ivar unit_loads: what it draws in idle, in units of 1.5 mA.
    :ivar milliamperes: what it draws above that in a space, 11 to 20.
    """

    rates: frozenset[int] = AUTO_BAUD
    switchable: bool = False
    delay: float = 0.0
    jitter: float = 0.0
    unit_loads: int = 1
    milliamperes: float = 15.0

    def answer_delay(self, baud: int, chance: float) -> float:
        """Seconds until the answer begins; `chance`, 0 to 1, places it within the jitter."""
        earliest = timing.bits(timing.EARLIEST_ANSWER_BITS, baud)
        latest = timing.answer_window(baud) - timing.bits(1, baud)
        return min(max(earliest, self.delay + self.jitter * chance), latest)


class Meter(Protocol):
    """The application of a meter; the link rules are `mbussim.slave.Slave`.

    :ivar secondary: None for a meter that has none; wildcards for the fields it lacks (fixed structure).
    :ivar model: its name, for people.
    """

    primary: int
    traits: Traits
    model: str

    @property
    def telegrams(self) -> int:
        """Tell how many telegrams a reading has."""

    @property
    def secondary(self) -> SecondaryAddress | None:
        """Give its secondary address."""

    @property
    def fabrication(self) -> str | None:
        """Eight digits for the enhanced selection; None where the meter does not know that selection."""

    def reading(self, now: float) -> Sequence[LongFrame]:
        """Freeze the values of this moment into the telegrams of one reading, at least one."""

    def alarm(self, now: float) -> LongFrame | None:
        """Give the class 1 data that wait; None where there are none."""

    def obey(self, command: LongFrame, now: float) -> bool:
        """Carry out a SND_UD; return whether it is acknowledged."""


@dataclass(slots=True)
class PlainMeter:
    """A meter with one constant telegram: for searches and rounds, where only addresses and lengths matter."""

    primary: int
    secondary: SecondaryAddress
    reply_bytes: int = 100
    traits: Traits = field(default_factory=Traits)
    fabrication: str | None = None
    model: str = "plain"
    telegrams: int = 1
    _telegram: tuple[LongFrame] | None = None

    def reading(self, now: float) -> Sequence[LongFrame]:
        """Give the one telegram, `reply_bytes` long: one energy register, then manufacturer's data."""
        if self._telegram is None:
            header = self.secondary.to_bytes() + bytes((1, 0, 0, 0))
            energy = (
                bytes((0x0C, 0x06)) + bytes.fromhex(self.secondary.identification.replace("F", "0"))[::-1]
            )
            rest = max(0, self.reply_bytes - 9 - len(header) - len(energy) - 1)
            self._telegram = (
                LongFrame(RSP_UD, self.primary, 0x72, header + energy + b"\x0f" + bytes(range(rest))),
            )
        return self._telegram

    def alarm(self, now: float) -> LongFrame | None:
        """Have none."""
        return None

    def obey(self, command: LongFrame, now: float) -> bool:
        """Acknowledge and do nothing."""
        return True


def plain_meters(
    identities: Iterable[SecondaryAddress], *, reply_bytes: int = 100, traits: Traits | None = None
) -> list[PlainMeter]:
    """Give one plain meter per identity; primary addresses count from 1 and begin again after 250."""
    traits = traits or Traits()
    return [
        PlainMeter(1 + index % LAST_PRIMARY, identity, reply_bytes, traits)
        for index, identity in enumerate(identities)
    ]
