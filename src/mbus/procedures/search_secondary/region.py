"""Expectations about some open cells taken together."""

import math
from dataclasses import dataclass
from typing import Final

MOST: Final = 0.99
"""No guess is more certain."""


@dataclass(slots=True)
class Region:
    """Meters from anywhere and guessed numbers.

    :ivar volume: for meters from anywhere.
    :ivar rate: minus the logarithm of the probability that no guessed number is a meter.
    :ivar odds: sum of the odds of the guessed numbers.
    """

    volume: float = 0.0
    rate: float = 0.0
    odds: float = 0.0

    def add_guess(self, chance: float) -> None:
        """Take in a number that is a meter with this probability."""
        certainty = min(chance, MOST)
        self.rate -= math.log1p(-certainty)
        self.odds += certainty / (1 - certainty)

    def without(self, other: "Region") -> "Region":
        """Leave some of the cells out again."""
        return Region(
            max(0.0, self.volume - other.volume),
            max(0.0, self.rate - other.rate),
            max(0.0, self.odds - other.odds),
        )
