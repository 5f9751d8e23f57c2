"""What is probable: how many meters are left, and where. A wrong expectation costs transactions, never a meter.

Two kinds of meters are expected. Meters from anywhere are a Poisson process over all identifications; its rate is learned from
what was found and ruled out so far (gamma prior, so that little evidence gives cautious answers). Meters of one delivery have
consecutive numbers: next to found numbers that lie close together each number is a meter with a probability of its own. And
where a mask has answered that not enough known meters explain, what is left of it must hold some.
"""

import math
from collections.abc import Iterable
from typing import Final

from mbus.addressing import ID_DIGITS
from mbus.procedures.search_secondary.facts import Cell, Facts
from mbus.procedures.search_secondary.guesses import Guesses
from mbus.procedures.search_secondary.masks import Mask, volume
from mbus.procedures.search_secondary.needs import Needs
from mbus.procedures.search_secondary.region import Region

PRIOR_METERS: Final = 0.5
PRIOR_VOLUME: Final = 0.005
"""Before anything is known: half a meter seen in a two-hundredth of all identifications."""
FEW: Final = 0.5
"""The same where only a meter or two can have been missed."""
MANY: Final = 20
"""Once so many meters are known, one more changes the expectations little."""
REPEATS: Final = 15
"""Rounds after which an estimate that feeds on itself has settled at the latest."""
CLOSE: Final = 1e-3
"""Change of such an estimate, as a share of it, that shows that it has settled."""
SELDOM: Final = 8
"""Steps between two looks at expectations that change little."""


class Model:
    """Expectations about what is open in `facts`."""

    def __init__(self, facts: Facts, prior: float = PRIOR_VOLUME) -> None:
        self._facts = facts
        self._prior = prior
        self.meters = PRIOR_METERS
        self.exposure = prior
        self.guesses = Guesses(facts)
        self._needs = Needs(facts)
        self._steps = 0
        self._wholes: dict[Mask, Region] = {}
        self._tightest: dict[Cell, Mask] | None = None
        self._open_volume = 1.0
        self._numbers = 10**ID_DIGITS * volume(facts.base[0])

    def refresh(self) -> None:
        """Learn from the facts as they are now; small changes may wait for a few steps."""
        self._steps += 1
        self._wholes.clear()
        self._tightest = None
        self._needs.refresh()
        is_due = self.guesses.seen < MANY or self._steps % SELDOM == 0
        if is_due or self.guesses.is_told or self._is_surprised():
            self.guesses.refresh(self.meters / self.exposure / self._numbers)
        if is_due:
            self._learn_rate()

    def follow(self, split: Cell) -> None:
        """Go on with the children of a cell that was split."""
        self.guesses.follow(split)
        self._wholes.clear()
        self._tightest = None

    def transactions_left(self) -> int:
        """Estimate what settling everything open will cost: meters from anywhere take 4.5 each, those of deliveries 2.2."""
        anywhere = self.meters / self.exposure * self._open_volume
        return (
            round(4.5 * anywhere + 2.2 * sum(self.guesses.chances.values()) + 0.5 * len(self._facts.open)) + 1
        )

    def _is_surprised(self) -> bool:
        return any(
            self.guesses.chances.get(meter, 0.0) < 0.5 for meter in self._facts.known[self.guesses.seen :]
        )

    def _learn_rate(self) -> None:
        """Count meters from anywhere over what is settled; a cell that must hold some counts with what that makes likely.

        What is likely depends on the rate, so the count is repeated. How sure it makes is another matter: what was to be
        expected anyway teaches nothing.
        """
        self._open_volume = sum(cell.volume for cell in self._facts.open.values())
        counted = PRIOR_METERS + self.guesses.isolated
        exposure = self._prior + 1.0 - self._open_volume
        needy = [
            (self._needs.missing[mask], self._whole(mask), self.region(cells))
            for mask, cells in self._by_need(self._facts.open.values()).items()
            if mask is not None
        ]
        rate, certain = counted / exposure, counted
        for _ in range(REPEATS if needy else 0):
            meters, certain, weight = counted, counted, exposure
            for missing, whole, region in needy:
                around = rate * whole.volume + whole.odds
                mean, surprise = _given_at_least(around, missing)
                mean *= rate * region.volume / around
                meters += mean
                certain += surprise * mean
                weight += region.volume
            before, rate = rate, meters / weight
            if abs(rate - before) < CLOSE * rate:
                break
        self.meters = certain
        self.exposure = certain / rate

    def region(self, cells: Iterable[Cell]) -> Region:
        """Sum up the expectations about some cells."""
        anywhere = rate = odds = 0.0
        for cell in cells:
            anywhere += cell.volume
            guessed = self.guesses.by_cell.get(cell)
            if guessed is not None:
                rate += guessed.rate
                odds += guessed.odds
        return Region(anywhere, rate, odds)

    def outlook(self, cells: Iterable[Cell]) -> tuple[float, float]:
        """Give the probabilities that some cells together hold no meter, and exactly one."""
        by_need = self._by_need(cells)
        none, one = self._unconditional(self.region(by_need.pop(None, ())))
        for mask, its_cells in by_need.items():
            assert mask is not None
            its_none, its_one = self._conditional(mask, self.region(its_cells))
            none, one = none * its_none, one * its_none + none * its_one
        return none, one

    def _by_need(self, cells: Iterable[Cell]) -> dict[Mask | None, list[Cell]]:
        """Part cells by the tightest mask around them that is proven to hold more meters than are known."""
        if self._tightest is None:
            self._tightest = self._tightest_around()
        parts: dict[Mask | None, list[Cell]] = {}
        for cell in cells:
            parts.setdefault(self._tightest.get(cell), []).append(cell)
        return parts

    def _tightest_around(self) -> dict[Cell, Mask]:
        """Give for cells the mask whose missing meters make one there the more likely, the fewer are expected otherwise."""
        missing = self._needs.missing
        tightest: dict[Cell, Mask] = {}
        for mask in sorted(missing, key=lambda mask: self._expected(self._whole(mask)) / missing[mask]):
            for cell in self._facts.cells(mask):
                tightest.setdefault(cell, mask)
        return tightest

    def _expected(self, region: Region) -> float:
        return self.meters / self.exposure * region.volume + region.rate

    def _whole(self, mask: Mask) -> Region:
        whole = self._wholes.get(mask)
        if whole is None:
            whole = self._wholes[mask] = self.region(self._facts.cells(mask))
        return whole

    def _unconditional(self, region: Region) -> tuple[float, float]:
        none = self._none(region)
        return none, none * self._ratio(region, region)

    def _conditional(self, mask: Mask, region: Region) -> tuple[float, float]:
        """The same, given that the mask around must still hold some."""
        whole = self._whole(mask)
        rest = whole.without(region)
        none, none_at_all = self._none(region), self._none(whole)
        one = none * self._ratio(region, region)
        certain = 1.0
        missing = self._needs.missing[mask]
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


def _given_at_least(expected: float, least: int) -> tuple[float, float]:
    """Give the mean of a Poisson number once it is known to be at least 1 or 2, and how improbable that was."""
    none = math.exp(-expected)
    if least == 1:
        return expected / -math.expm1(-expected), none
    several = 1 - none - expected * none
    return (expected * (1 - none) / several if several > 1e-12 else 2.0), 1 - several
