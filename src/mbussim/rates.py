"""Meters that were told to use another baud rate (MBUS.md 1.6).

A meter acknowledges at the old rate and then hears both, until a sound telegram at the new rate confirms it. Where none comes for
`FALL_BACK` seconds it stays with the old one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from mbus.link.timing import BAUD_RATES
from mbussim.slave import Slave

BAUD_CI: Final = {0xB8 + index: baud for index, baud in enumerate(BAUD_RATES)}
FALL_BACK: Final = 600.0


@dataclass(frozen=True, slots=True)
class _Switch:
    old: int
    new: int
    told: float


class RateSwitches:
    """The switches that are under way on a bus."""

    def __init__(self) -> None:
        self._under_way: dict[Slave, _Switch] = {}

    def told(self, slaves: Iterable[Slave], old: int, new: int, now: float) -> None:
        """Let those that can switch hear both rates."""
        for slave in slaves:
            if slave.meter.traits.switchable and old != new:
                self._under_way[slave] = _Switch(old, new, now)
                _listen(slave, old, new)

    def heard(self, baud: int, now: float) -> None:
        """A sound telegram is on the bus: it confirms switches to its rate, and time ends others."""
        for slave, switch in list(self._under_way.items()):
            late = now - switch.told > FALL_BACK
            if baud == switch.new and not late:
                _listen(slave, baud)
            elif late:
                _listen(slave, switch.old)
            else:
                continue
            del self._under_way[slave]


def _listen(slave: Slave, *rates: int) -> None:
    slave.meter.traits = replace(slave.meter.traits, rates=frozenset(rates))
