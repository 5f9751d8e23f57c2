"""The five lamps at the front, computed from facts in one place (guide 4).

========  =====  ====================================================================================================
Power     red    the master runs
M-Bus     red    a bus has a fault or is cut off, for whatever reason: the converter is gone, over-current, short circuit,
                 temperature
M-Bus     green  all buses work; flashing: a transaction is, or was a moment ago, on one of them
Data      green  time server and update server were both reached, and while hosting is on the head-end too
Overload  red    a bus is cut off because its driver is too hot
Ethernet  green  there is a link; flashing: traffic
========  =====  ====================================================================================================
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from mbusmaster.bus.health import BusState, Health

OVERTEMPERATURE: Final = "overtemperature"
"""The condition in which a line monitor reports a driver that was cut off because it is too hot (`LineReading.condition`)."""


class Colour(StrEnum):
    """What a lamp shows."""

    OFF = "off"
    RED = "red"
    GREEN = "green"


@dataclass(frozen=True, slots=True)
class Lamp:
    """One lamp now."""

    colour: Colour = Colour.OFF
    is_flashing: bool = False


DARK: Final = Lamp()
RED: Final = Lamp(Colour.RED)
GREEN: Final = Lamp(Colour.GREEN)
FLASHING: Final = Lamp(Colour.GREEN, is_flashing=True)


@dataclass(frozen=True, slots=True)
class PanelFacts:
    """What the lamps depend on.

    :ivar running: the master is not about to end.
    :ivar buses: the health of every bus.
    :ivar time_server: it was reached, and is who it should be.
    :ivar update_server: likewise.
    :ivar head_end: it answered the last time; None while none is to be called.
    :ivar link: of the Ethernet interface.
    :ivar traffic: on the Ethernet interface, a moment ago.
    """

    running: bool
    buses: tuple[Health, ...] = ()
    time_server: bool = False
    update_server: bool = False
    head_end: bool | None = None
    link: bool = False
    traffic: bool = False


@dataclass(frozen=True, slots=True)
class PanelState:
    """The five lamps, from left to right."""

    power: Lamp = DARK
    mbus: Lamp = DARK
    data: Lamp = DARK
    overload: Lamp = DARK
    ethernet: Lamp = DARK

    def lamps(self) -> Iterable[tuple[str, Lamp]]:
        """Give each lamp with its name."""
        return [(field.name, getattr(self, field.name)) for field in fields(self)]


ALL_DARK: Final = PanelState()


def panel_state(facts: PanelFacts) -> PanelState:
    """Give the lamps for facts; a master that does not run shows none."""
    if not facts.running:
        return ALL_DARK
    return PanelState(
        power=RED,
        mbus=_mbus(facts.buses),
        data=GREEN if facts.time_server and facts.update_server and facts.head_end is not False else DARK,
        overload=RED if any(map(is_too_hot, facts.buses)) else DARK,
        ethernet=(FLASHING if facts.traffic else GREEN) if facts.link else DARK,
    )


def is_too_hot(health: Health) -> bool:
    """Tell whether a bus is cut off because of its driver's temperature, and not because of its load."""
    return (
        health.state is BusState.SHUT_DOWN
        and health.line is not None
        and health.line.condition == OVERTEMPERATURE
    )


def _mbus(buses: tuple[Health, ...]) -> Lamp:
    states = {health.state for health in buses}
    if not states or states & {BusState.FAULT, BusState.SHUT_DOWN}:
        return RED
    return FLASHING if BusState.ACTIVE in states else GREEN
