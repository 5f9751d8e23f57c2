"""What is probable: how many meters are left, and where. A wrong guess in here costs transactions, never a meter.

Two kinds of meters are expected. Meters from anywhere are a Poisson process over all identifications; its rate is learned from
what was found and ruled out so far (gamma prior, so that little evidence gives cautious answers). Meters of one delivery have
consecutive numbers: next to found numbers that lie close together each number is a meter with a probability of its own.
"""

import math
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mbus.procedures.search_secondary.deliveries import deliveries, neighbours
from mbus.procedures.search_secondary.facts import Cell, Facts, Group
from mbus.procedures.search_secondary.masks import identification_of, number_of

PRIOR_METERS: Final = 0.5
PRIOR_VOLUME: Final = 0.005
"""Before anything is known: half a meter seen in a two-hundredth of all identifications."""
FEW: Final = 0.5
"""The same where only a meter or two can have been missed."""
MOST: Final = 0.99
"""No guess is more certain."""
MANY: Final = 20
"""Once so many meters are known, one more changes the expectations little."""
REPEATS: Final = 15
"""Rounds after which an estimate that feeds on itself has settled at the latest."""
CLOSE: Final = 1e-3
"""Change of such an estimate, as a share of it, that shows that it has settled."""
SELDOM: Final = 8
"""Steps between two looks at expectations that change little."""


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

    def without(self, other: "Region") -> "Region":
        """Leave some of the cells out again."""
        return Region(
            max(0.0, self.volume - other.volume),
            max(0.0, self.rate - other.rate),
            max(0.0, self.odds - other.odds),
        )


class Model:
    """Expectations about what is open in `facts`."""

    def __init__(self, facts: Facts, prior: float = PRIOR_VOLUME) -> None:
        self._facts = facts
        self._prior = prior
        self.meters = PRIOR_METERS
        self.exposure = prior
        self.guesses: dict[int, float] = {}
        self.isolated = 0
        self._guessed: dict[Cell, Region] = {}
        self._numbers: list[int] = []
        self._seen = 0
        self._splits = -1
        self._steps = 0
        self._wholes: dict[Group, Region] = {}
        self._needy_around: dict[Group | None, Group | None] = {}
        self._open_volume = 1.0

    def refresh(self) -> None:
        """Learn from the facts as they are now; small changes may wait for a few steps."""
        self._steps += 1
        self._wholes.clear()
        self._needy_around.clear()
        is_due = self._seen < MANY or self._steps % SELDOM == 0
        if is_due or self._facts.splits != self._splits or self._is_surprised():
            self._splits = self._facts.splits
            self._guess()
        if is_due:
            self._learn_rate()

    def transactions_left(self) -> int:
        """Estimate what settling everything open will cost: meters from anywhere take 4.5 each, those of deliveries 2.2."""
        anywhere = self.meters / self.exposure * self._open_volume
        return round(4.5 * anywhere + 2.2 * sum(self.guesses.values()) + 0.5 * len(self._facts.open)) + 1

    def _is_surprised(self) -> bool:
        return any(self.guesses.get(meter, 0.0) < 0.5 for meter in self._facts.known[self._seen :])

    def _learn_rate(self) -> None:
        """Count meters from anywhere over what is settled; a cell that must hold some counts with what that makes likely.

        What is likely depends on the rate, so the count is repeated. How sure it makes is another matter: what was to be
        expected anyway teaches nothing.
        """
        self._open_volume = sum(cell.volume for cell in self._facts.open.values())
        counted = PRIOR_METERS + self.isolated
        exposure = self._prior + 1.0 - self._open_volume
        needy = [(self._missing(group), region) for group, region in self._needy_regions().items()]
        rate, certain = counted / exposure, counted
        for _ in range(REPEATS if needy else 0):
            meters, certain, volume = counted, counted, exposure
            for missing, region in needy:
                expected = rate * region.volume
                mean, surprise = _given_at_least(expected + region.odds, missing)
                mean *= expected / (expected + region.odds)
                meters += mean
                certain += surprise * mean
                volume += region.volume
            before, rate = rate, meters / volume
            if abs(rate - before) < CLOSE * rate:
                break
        self.meters = certain
        self.exposure = certain / rate

    def _needy_regions(self) -> dict[Group, Region]:
        cells = self._by_need(self._facts.open.values())
        return {group: self.region(its_cells) for group, its_cells in cells.items() if group is not None}

    def region(self, cells: Iterable[Cell]) -> Region:
        """Sum up the expectations about some cells."""
        volume = rate = odds = 0.0
        for cell in cells:
            volume += cell.volume
            guessed = self._guessed.get(cell)
            if guessed is not None:
                rate += guessed.rate
                odds += guessed.odds
        return Region(volume, rate, odds)

    def outlook(self, cells: Iterable[Cell]) -> tuple[float, float]:
        """Give the probabilities that some cells together hold no meter, and exactly one."""
        by_need = self._by_need(cells)
        none, one = self._unconditional(self.region(by_need.pop(None, ())))
        for group, its_cells in by_need.items():
            assert group is not None
            its_none, its_one = self._conditional(group, self.region(its_cells))
            none, one = none * its_none, one * its_none + none * its_one
        return none, one

    def _by_need(self, cells: Iterable[Cell]) -> dict[Group | None, list[Cell]]:
        """Part cells by the closest split cell around them that holds more meters than are known."""
        parts: dict[Group | None, list[Cell]] = {}
        around = self._needy_around
        for cell in cells:
            parent = cell.parent
            if parent not in around:
                around[parent] = self._needy(parent)
            group = around[parent]
            if group in parts:
                parts[group].append(cell)
            else:
                parts[group] = [cell]
        return parts

    def _needy(self, group: Group | None) -> Group | None:
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
        whole = self._wholes.get(group)
        if whole is None:
            whole = self._wholes[group] = self.region(self._facts.cells(group.mask))
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
        """Place the likely numbers in their cells."""
        for identification in self._facts.known[self._seen :]:
            number = number_of(identification)
            if number is not None:
                insort(self._numbers, number)
        self._seen = len(self._facts.known)
        parts = deliveries(self._numbers)
        self.isolated = sum(1 for part in parts if len(part) == 1) + self._seen - len(self._numbers)
        belonging = (len(self._numbers) - self.isolated + 0.5) / (len(self._numbers) + 1)
        self.guesses.clear()
        self._guessed.clear()
        cells: dict[int, Cell] = {}

        def is_open(number: int) -> bool:
            cell = self._facts.cell_at(identification_of(number))
            if cell is not None:
                cells[number] = cell
            return cell is not None

        for part in parts:
            for number, chance in neighbours(part, 1.0 if len(part) > 1 else belonging, is_open):
                self._place(identification_of(number), cells[number], chance)

    def _place(self, identification: int, cell: Cell, chance: float) -> None:
        self.guesses[identification] = chance
        certainty = min(chance, MOST)
        region = self._guessed.get(cell)
        if region is None:
            region = self._guessed[cell] = Region()
        region.rate -= math.log1p(-certainty)
        region.odds += certainty / (1 - certainty)


def _given_at_least(expected: float, least: int) -> tuple[float, float]:
    """Give the mean of a Poisson number once it is known to be at least 1 or 2, and how improbable that was."""
    none = math.exp(-expected)
    if least == 1:
        return expected / -math.expm1(-expected), none
    several = 1 - none - expected * none
    return (expected * (1 - none) / several if several > 1e-12 else 2.0), 1 - several
