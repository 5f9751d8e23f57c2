"""A bus with everything that can be done to it while it runs: meters come and go, faults come and go, the driver cuts off."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from mbus.addressing import parse_address
from mbussim import electrics
from mbussim.bus import Bus
from mbussim.disturbance import Disturbance
from mbussim.faults import Fault
from mbussim.meter import Meter
from mbussim.slave import Slave

MAX_FAULTS: Final = 64
MAX_METERS: Final = 1250
"""A bus with four repeaters carries no more (MBUS.md 1.2)."""


class InstallationError(Exception):
    """Something that cannot be done to this bus."""


@dataclass(slots=True)
class Installation:
    """A bus and what is wrong with it.

    :ivar faults: by the number under which each can be taken away.
    """

    bus: Bus
    faults: dict[int, Fault] = field(default_factory=dict)
    _disturbances: dict[int, Disturbance] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def is_unplugged(self) -> bool:
        """Whether the ports of the converter shall be gone."""
        return any(fault.kind == "unplugged" for fault in self.faults.values())

    def add_fault(self, fault: Fault) -> int:
        """Let a fault take effect; return its number."""
        if len(self.faults) >= MAX_FAULTS:
            raise InstallationError(f"there are {MAX_FAULTS} faults already; remove some")
        number = next(self._numbers)
        self.faults[number] = fault
        disturbance = fault.disturbance()
        if disturbance is not None:
            self._disturbances[number] = disturbance
            self.bus.disturbances.append(disturbance)
        self._settle()
        return number

    def remove_fault(self, number: int) -> None:
        """Take a fault away."""
        if number not in self.faults:
            raise InstallationError(f"no fault has the number {number}")
        del self.faults[number]
        disturbance = self._disturbances.pop(number, None)
        if disturbance is not None:
            self.bus.disturbances = [one for one in self.bus.disturbances if one is not disturbance]
        self._settle()

    def clear_faults(self) -> None:
        """Take all faults away."""
        for number in list(self.faults):
            self.remove_fault(number)

    def add_meter(self, meter: Meter) -> None:
        """Connect a meter."""
        if len(self.bus.slaves) >= MAX_METERS:
            raise InstallationError(f"a simulated bus has at most {MAX_METERS} meters")
        self.bus.slaves.append(Slave(meter))
        self._settle()

    def remove_meters(self, address: str) -> int:
        """Disconnect the meters at an address (primary, or secondary with wildcards); return how many."""
        gone = self._at(address)
        self.bus.slaves = [slave for slave in self.bus.slaves if slave not in gone]
        self._settle()
        return len(gone)

    def mute_meters(self, address: str, *, muted: bool = True) -> int:
        """Let the meters at an address fall silent, or speak again, with all that they remember; return how many."""
        found = self._at(address)
        for slave in found:
            slave.is_muted = muted
        return len(found)

    def state(self, now: float) -> dict[str, object]:
        """Describe the line at an instant, as the control socket shows it."""
        driver = self.bus.electrics
        current = self.bus.milliamperes(now)
        loads = driver.idle(slave.meter.traits for slave in self.bus.slaves)
        return {
            "time": round(now, 3),
            "line": self._line(current, loads),
            "current_ma": round(current, 1),
            "idle_ma": round(loads, 1),
            "load_percent": round(100 * loads / electrics.NORMAL_MAXIMUM, 1),
            "unit_loads": round(loads / electrics.UNIT_LOAD, 1),
            "collision": current > loads + electrics.COLLISION and not driver.short_circuit,
            "temperature_c": round(driver.temperature(current), 1),
            "shut_down": driver.is_off,
            "unplugged": self.is_unplugged,
            "meters": len(self.bus.slaves),
            "muted": sum(slave.is_muted for slave in self.bus.slaves),
            "faults": {str(number): str(fault) for number, fault in self.faults.items()},
            "traffic": self.bus.traffic.as_dict(),
        }

    def _line(self, current: float, loads: float) -> str:
        driver = self.bus.electrics
        if driver.short_circuit:
            return "short circuit"
        if driver.is_off:
            return "overtemperature" if driver.is_too_hot(loads) else "overload"
        if loads > electrics.NORMAL_MAXIMUM:
            return "warning"
        return "active" if current > loads else "idle"

    def _at(self, address: str) -> list[Slave]:
        """Find meters; raise `mbus.errors.AddressError` for text that is no address."""
        where = Fault("dead", 0, parse_address(address))
        return [slave for slave in self.bus.slaves if where.hits(slave)]

    def _settle(self) -> None:
        """Carry over to slaves and driver what the faults say."""
        kinds = [fault.kind for fault in self.faults.values()]
        driver = self.bus.electrics
        self.bus.set_break(repeats="one-break" not in kinds)
        driver.short_circuit = "short" in kinds
        driver.extra = sum(fault.value for fault in self.faults.values() if fault.kind == "overload")
        driver.ambient = max(
            (fault.value for fault in self.faults.values() if fault.kind == "heat"), default=electrics.AMBIENT
        )
        was_off = driver.is_off
        if driver.check(slave.meter.traits for slave in self.bus.slaves) and not was_off:
            self.bus.lose_power()
        stuck = [fault for fault in self.faults.values() if fault.kind == "stuck-fcb"]
        for slave in self.bus.slaves:
            slave.is_stuck = any(fault.hits(slave) for fault in stuck)
