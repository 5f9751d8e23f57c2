"""That a meter stands still although it should move.

Its counters alone do not tell: nothing may have been used. It is sure where its own clock stands still too, or where it says
itself that something flows; else it depends on what it measures how long nothing may be used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from mbus.tables.media import medium_name

FEWEST: Final = 4
"""Readings that are alike."""
SHORTEST: Final = timedelta(hours=24)
LONGEST_IDLE: Final[Mapping[str, timedelta | None]] = MappingProxyType(
    {
        "electricity": timedelta(days=3),
        "water": timedelta(days=30),
        "warm_water": timedelta(days=30),
        "hot_water": timedelta(days=30),
        "cold_water": timedelta(days=30),
        "dual_register_water": timedelta(days=30),
        "waste_water": timedelta(days=30),
        "gas": timedelta(days=60),
    }
)
"""How long nothing may be used. Of other media nothing is said: heating rests all summer, cooling all winter."""
PAIRS: Final = frozenset(
    {
        ("energy", "Wh", "power", "W"),
        ("energy", "J", "power", "J/h"),
        ("volume", "m³", "volume_flow", "m³/h"),
        ("mass", "kg", "mass_flow", "kg/h"),
    }
)
"""Counter and its unit, and the rate at which it must rise each hour."""


@dataclass(frozen=True, slots=True)
class Standstill:
    """How long a meter has said the same.

    :ivar readings: that were alike, over `span`.
    :ivar clock_stands: it has a clock, which told the same each time.
    :ivar must_move: a counter would have risen by at least so many of its smallest steps by the rates that the meter told.
    :ivar is_used: whether a counter has ever counted.
    """

    readings: int
    span: timedelta
    clock_stands: bool
    must_move: bool
    is_used: bool


def is_sure(still: Standstill) -> bool:
    """Tell whether the meter is broken, or answers with old telegrams."""
    return still.readings >= FEWEST and still.span >= SHORTEST and (still.clock_stands or still.must_move)


def is_odd(still: Standstill, medium: int | None) -> bool:
    """Tell whether nothing was used for longer than is likely."""
    longest = None if medium is None else LONGEST_IDLE.get(medium_name(medium))
    return (
        longest is not None
        and still.is_used
        and still.readings >= FEWEST
        and still.span >= max(longest, SHORTEST)
    )


def step_of(value: Decimal) -> Decimal:
    """Give the smallest step that a counter can be seen to have: the place of its last digit that is not zero.

    A counter of whole kWh never shows a smaller one than that; a round number is taken for a coarser counter.
    """
    normal = value.normalize()
    exponent = normal.as_tuple().exponent
    return Decimal(1).scaleb(exponent if isinstance(exponent, int) and value else 0)
