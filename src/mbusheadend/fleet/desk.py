"""What the actions of the fleet work with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mbusheadend.fleet.day import Day
from mbusheadend.store import Store


@dataclass(frozen=True, slots=True)
class Desk:
    """Narrow views of a running head-end.

    :ivar now: gives the time, UTC.
    :ivar is_connected: tells whether an order reaches a master within a moment (`mbusheadend.presence.Presence`).
    :ivar day: counts readings of the last day.
    :ivar url: what masters call.
    """

    store: Store
    now: Callable[[], datetime]
    is_connected: Callable[[str], bool]
    day: Day
    url: str
