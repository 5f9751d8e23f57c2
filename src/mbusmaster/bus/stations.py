"""Which meter a transaction was with: by its primary address, by the selection that FD stands for, by what its answer says."""

from dataclasses import dataclass

from mbus.addressing import LAST_PRIMARY, SELECTED, WILDCARD, SecondaryAddress
from mbus.application.commands import is_selection
from mbus.application.header import identity_of
from mbus.link.frames import LongFrame
from mbus.link.transaction import Reply
from mbusmaster.bus.answers import are_apart, mask_of
from mbusmaster.bus.carried import Carried

MeterName = int | SecondaryAddress
"""How somebody names a meter: by primary address, or by secondary address, which may have wildcards."""


@dataclass(frozen=True, slots=True)
class Station:
    """Whom a transaction was with, as far as it is known.

    :ivar secondary: of the meter, or the mask by which it was selected.
    """

    primary: int | None = None
    secondary: SecondaryAddress | None = None

    @property
    def is_one(self) -> bool:
        """Whether one meter is meant: not all, and not those that a mask with open digits fits."""
        return self.primary is not None or (
            self.secondary is not None and WILDCARD not in self.secondary.identification
        )

    def is_meter(self, name: MeterName) -> bool:
        """Tell whether this is the meter of that name."""
        if isinstance(name, int):
            return self.primary == name
        return self.is_one and self.secondary is not None and not are_apart(self.secondary, name)

    def __str__(self) -> str:
        """The secondary address, else the primary one; empty where nobody in particular was meant."""
        if self.secondary is not None:
            return str(self.secondary)
        return "" if self.primary is None else str(self.primary)


class StationBook:
    """Finds whom transactions were with, and remembers which meters live at which primary addresses."""

    def __init__(self) -> None:
        self._living: dict[int, SecondaryAddress] = {}

    def station_of(self, carried: Carried) -> Station:
        """Tell whom a transaction was with."""
        frame, outcome = carried.request.frame, carried.outcome
        primary = frame.address if frame.address <= LAST_PRIMARY else None
        secondary = None if primary is None else self._living.get(primary)
        if frame.address == SELECTED:
            own = frame if is_selection(frame) and isinstance(frame, LongFrame) else carried.selection
            secondary = mask_of(own)
        if isinstance(outcome, Reply):
            secondary = identity_of(outcome.frame) or secondary
            if primary is None and outcome.frame.address <= LAST_PRIMARY:
                primary = outcome.frame.address
            if primary is not None and secondary is not None and secondary.is_unique:
                self._living[primary] = secondary
        return Station(primary, secondary)
