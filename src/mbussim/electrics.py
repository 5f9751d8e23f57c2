"""Loads, currents and temperature of the bus, and when the master cuts it off (MBUS.md 1.1)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mbussim.meter import Traits

UNIT_LOAD: Final = 1.5
"""mA that a slave may draw in idle for each unit load."""
NORMAL_MAXIMUM: Final = 375.0
"""mA of 250 unit loads; more is a warning."""
CUT_OFF: Final = 550.0
"""mA at which the master switches the bus off."""
COLLISION: Final = 25.0
"""mA over idle that only several senders can draw."""
SHORT_CIRCUIT: Final = 1500.0
"""mA that the driver delivers into a short circuit before it is cut off."""
AMBIENT: Final = 24.0
"""°C of the driver without load."""
HOTTEST: Final = 85.0
"""°C of the driver at which the master switches the bus off."""
HEATING: Final = 0.045
"""K by which each mA warms the driver."""


@dataclass(slots=True)
class Electrics:
    """The driver of the bus.

    :ivar short_circuit: the two wires touch.
    :ivar extra: mA that something foreign draws.
    :ivar ambient: °C around the driver.
    :ivar is_off: the bus is cut off.
    """

    short_circuit: bool = False
    extra: float = 0.0
    ambient: float = AMBIENT
    is_off: bool = False

    def current(self, loads: Iterable[Traits], sending: Iterable[Traits]) -> float:
        """Give the current in mA; cut off, nothing flows."""
        if self.is_off:
            return 0.0
        if self.short_circuit:
            return SHORT_CIRCUIT
        return self.idle(loads) + sum(traits.milliamperes for traits in sending)

    def idle(self, loads: Iterable[Traits]) -> float:
        """Give the current in mA while nobody sends."""
        return sum(traits.unit_loads for traits in loads) * UNIT_LOAD + self.extra

    def temperature(self, milliamperes: float) -> float:
        """Give the temperature of the driver in °C."""
        return self.ambient + HEATING * milliamperes

    def check(self, loads: Iterable[Traits]) -> bool:
        """Cut the bus off, or connect it again, as its load asks; return whether it is off."""
        idle = self.idle(loads)
        self.is_off = self.short_circuit or idle > CUT_OFF or self.is_too_hot(idle)
        return self.is_off

    def is_too_hot(self, milliamperes: float) -> bool:
        """Tell whether so much current would make the driver too hot; it stays off until that is no longer so."""
        return self.temperature(milliamperes) >= HOTTEST
