"""What is probable: how many meters are left, and where. A wrong guess in here costs transactions, never a meter.

Two kinds of meters are expected. Meters from anywhere are a Poisson process over all identifications; its rate is learned from
what was found and ruled out so far (gamma prior, so that little evidence gives cautious answers). Meters of one delivery have
consecutive numbers: next to found numbers that lie close together each number is a meter with a probability of its own.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mbus.procedures.search_secondary.facts import Cell, Facts, Group
from mbus.procedures.search_secondary.masks import identification_of, number_of

PRIOR_METERS: Final = 0.5
PRIOR_VOLUME: Final = 0.02
"""Before anything is known: half a meter seen in a fiftieth of all identifications."""
REACH: Final = 1200
"""Numbers further apart are of different deliveries."""
FILL: Final = 0.9
"""Share of numbers inside a delivery that are on the bus, as long as nothing is known."""
GAP: Final = 0.1
"""What an empty number leaves of the hope that a delivery goes on behind it."""
FAINT: Final = 0.02
"""Guesses below are not worth keeping."""
SHORTEST: Final = 10
"""Numbers that a delivery is taken to span at least."""


@dataclass(slots=True)
class Region:
    """Expectations about some open cells taken together.

    :ivar volume: for meters from anywhere.
    :ivar rate: minus the logarithm of the probability that no guessed number is a meter.
    :ivar odds: sum of the odds of the guessed numbers.
    """

    volume: float = 0.0
    rate: float = 0.0
    odds: float = 0.0

    def add(self, other: "Region") -> None:
        """Take more cells in."""
        self.volume += other.volume
        self.rate += other.rate
        self.odds += other.odds

    def without(self, other: "Region") -> "Region":
        """Leave some of the cells out again."""
        return Region(
            max(0.0, self.volume - other.volume),
            max(0.0, self.rate - other.rate),
            max(0.0, self.odds - other.odds),
        )


class Model:
    """Expectations about what is open in `facts`."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.meters = PRIOR_METERS
        self.exposure = PRIOR_VOLUME
        self.guesses: dict[int, float] = {}
        self._guessed: dict[Cell, Region] = {}
        self.isolated = 0
        self._seen = -1

    def refresh(self) -> None:
        """Learn from the facts as they are now."""
        self._guess()
        open_volume = sum(cell.volume for cell in self._facts.open.values())
        rate = self.meters / self.exposure
        self.meters = PRIOR_METERS + self.isolated
        self.exposure = PRIOR_VOLUME + 1.0 - open_volume
        for group in self._facts.groups():
            missing = self._missing(group)
            if missing > 0:
                region = self.region(
                    cell for cell in self._facts.cells(group.mask) if self._needy(cell) is group
                )
                expected = rate * region.volume
                if expected:
                    total = expected + region.odds
                    self.meters += _at_least(total, missing) * expected / total
                    self.exposure += region.volume

    def transactions_left(self) -> int:
        """Estimate what settling everything open will cost: random identifications take 4.5 a meter, runs 2.2."""
        anywhere = self.meters / self.exposure * sum(cell.volume for cell in self._facts.open.values())
        return round(4.5 * anywhere + 2.2 * sum(self.guesses.values()) + 0.5 * len(self._facts.open)) + 1

    def region(self, cells: Iterable[Cell]) -> Region:
        """Sum up the expectations about some cells."""
        region = Region()
        for cell in cells:
            region.volume += cell.volume
            guessed = self._guessed.get(cell)
            if guessed is not None:
                region.rate += guessed.rate
                region.odds += guessed.odds
        return region

    def outlook(self, cells: Iterable[Cell]) -> tuple[float, float]:
        """Give the probabilities that some cells together hold no meter, and exactly one."""
        pooled, needy = Region(), dict[Group, Region]()
        for cell in cells:
            group = self._needy(cell)
            region = pooled if group is None else needy.setdefault(group, Region())
            region.volume += cell.volume
            guessed = self._guessed.get(cell)
            if guessed is not None:
                region.rate += guessed.rate
                region.odds += guessed.odds
        none, one = self._unconditional(pooled)
        for group, region in needy.items():
            its_none, its_one = self._conditional(group, region)
            none, one = none * its_none, one * its_none + none * its_one
        return none, one

    def _needy(self, cell: Cell) -> Group | None:
        """Give the closest split cell around this one that holds more meters than are known."""
        group = cell.parent
        while group is not None and self._missing(group) <= 0:
            group = group.parent
        return group

    def _missing(self, group: Group) -> int:
        """Meters that are still to be found: where an acknowledgement was followed by no reading, two are taken as proven."""
        at_least = 2 if group.mask in self._facts.unread else group.at_least
        return at_least - group.found

    def _unconditional(self, region: Region) -> tuple[float, float]:
        none = self._none(region)
        return none, none * self._ratio(region, region)

    def _conditional(self, group: Group, region: Region) -> tuple[float, float]:
        """The same, given that the cell around must still hold some."""
        whole = self.region(cell for cell in self._facts.cells(group.mask))
        rest = whole.without(region)
        none, none_at_all = self._none(region), self._none(whole)
        one = none * self._ratio(region, region)
        certain = 1.0
        missing = self._missing(group)
        if missing >= 1:
            none -= none_at_all
            certain -= none_at_all
        if missing >= 2:
            none -= none_at_all * self._ratio(rest, whole)
            one -= none_at_all * self._ratio(region, whole)
            certain -= none_at_all * self._ratio(whole, whole)
        if certain < 1e-9:
            share = region.volume / whole.volume if whole.volume else 1.0
            return 1.0 - share, share if missing == 1 else 0.0
        return max(0.0, none / certain), max(0.0, one / certain)

    def _none(self, region: Region) -> float:
        anywhere = (self.exposure / (self.exposure + region.volume)) ** self.meters
        return float(anywhere * math.exp(-region.rate))

    def _ratio(self, region: Region, whole: Region) -> float:
        """Probability that `whole` holds one meter and that in `region`, over the probability that it holds none."""
        return self.meters * region.volume / (self.exposure + whole.volume) + region.odds

    def _guess(self) -> None:
        numbers = sorted(number for number in map(number_of, self._facts.known) if number is not None)
        runs: list[list[int]] = []
        for number in numbers:
            if runs and number - runs[-1][-1] <= REACH:
                runs[-1].append(number)
            else:
                runs.append([number])
        self.isolated = sum(1 for run in runs if len(run) == 1) + len(self._facts.known) - len(numbers)
        belonging = (len(numbers) - self.isolated + 0.5) / (len(numbers) + 1)
        self.guesses = {}
        self._guessed = {}
        for run in runs:
            self._guess_around(run, 1.0 if len(run) > 1 else belonging)

    def _guess_around(self, run: list[int], trust: float) -> None:
        members, empties = set(run), 0
        inside: list[int] = []
        for number in range(run[0] + 1, run[-1]):
            if number not in members:
                if self._facts.cell_at(identification_of(number)) is None:
                    empties += 1
                else:
                    inside.append(number)
        fill = (len(run) + 9 * FILL) / (len(run) + empties + 9)
        for number in inside:
            self._add_guess(number, fill)
        span = max(run[-1] - run[0], SHORTEST)
        for step in (1, -1):
            number, hope = run[-1] if step > 0 else run[0], trust * fill
            for distance in range(1, REACH):
                number += step
                if not 0 <= number < 10**8:
                    break
                chance = hope * span / (span + distance)
                if chance < FAINT:
                    break
                if not self._add_guess(number, chance):
                    hope *= GAP

    def _add_guess(self, number: int, chance: float) -> bool:
        identification = identification_of(number)
        cell = self._facts.cell_at(identification)
        if cell is None:
            return False
        self.guesses[identification] = chance
        region = self._guessed.setdefault(cell, Region())
        chance = min(chance, 0.99)
        region.rate -= math.log1p(-chance)
        region.odds += chance / (1 - chance)
        return True


def _at_least(expected: float, least: int) -> float:
    """Mean of a Poisson number with this mean of its own, given that it is at least 1 or at least 2."""
    none = math.exp(-expected)
    if least == 1:
        return expected / -math.expm1(-expected)
    several = 1 - none - expected * none
    return expected * (1 - none) / several if several > 1e-12 else 2.0
