"""What is known of the line at one instant: as a source gives it, and as the bus shows it."""

from dataclasses import dataclass
from enum import StrEnum

from mbusmaster.errors import MasterError


class LineMonitorError(MasterError):
    """The line could not be read, or its supply not be switched."""


class Trouble(StrEnum):
    """Why a bus must not be fed."""

    OVERLOAD = "overload"
    SHORT_CIRCUIT = "short circuit"
    OVERTEMPERATURE = "overtemperature"


@dataclass(frozen=True, slots=True)
class Sample:
    """What a source gives; None for what it does not measure.

    :ivar current: mA that the master delivers now.
    :ivar temperature: °C of the driver.
    :ivar trouble: what the hardware itself complains of.
    :ivar is_off: the driver has cut the bus off by itself.
    :ivar idle: mA while no meter sends, where the source knows it.
    """

    current: float | None = None
    temperature: float | None = None
    trouble: Trouble | None = None
    is_off: bool = False
    idle: float | None = None


@dataclass(frozen=True, slots=True)
class LineReading:
    """The line as the bus shows it; None for what nobody measures.

    :ivar current: mA.
    :ivar load: the idle current in percent of what the master may deliver in normal use.
    :ivar temperature: °C of the driver.
    :ivar shut_down: the bus is cut off, by its driver or by us.
    :ivar condition: idle, active, warning, or the `Trouble`.
    :ivar idle: mA while no meter sends, as learnt.
    :ivar unit_loads: that in units of 1.5 mA (MBUS.md 1.1).
    :ivar trips: how often the bus was shut down since the start.
    :ivar back_in: seconds until a bus that is shut down is tried again; None where it is not.
    """

    current: float | None
    load: float | None
    temperature: float | None
    shut_down: bool
    condition: str
    idle: float | None = None
    unit_loads: float | None = None
    trips: int = 0
    back_in: float | None = None
