"""Which numbers are likely meters, by the deliveries that the known ones are of, and in which open cells they lie."""

from bisect import insort
from collections import defaultdict
from typing import Final

from mbus.addressing import ID_DIGITS
from mbus.procedures.search_secondary.deliveries import credit, deliveries, neighbours, telling
from mbus.procedures.search_secondary.facts import Cell, Facts
from mbus.procedures.search_secondary.masks import identification_of, number_of
from mbus.procedures.search_secondary.region import Region

PROBABLE: Final = 0.5
"""Numbers that lie close together are taken for a delivery from this probability on."""
WORTH_TRYING: Final = 0.2
"""Where a lone meter is less likely to be of a delivery, its neighbours are not asked for on their own account."""


class Guesses:
    """Likely numbers among what is open in `facts`.

    :ivar chances: probability that an identification is a meter.
    :ivar by_cell: the same for open cells, summed up.
    :ivar telling: identifications whose answer tells most about a delivery.
    :ivar isolated: known meters that are of no delivery, as far as that shows.
    :ivar seen: known meters that were taken into account.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._numbers: list[int] = []
        self._cells: dict[int, Cell] = {}
        self._inside: defaultdict[Cell, list[int]] = defaultdict(list)
        self.chances: dict[int, float] = {}
        self.by_cell: dict[Cell, Region] = {}
        self.telling: list[int] = []
        self.isolated = 0
        self.seen = 0

    def refresh(self, density: float) -> None:
        """Guess anew.

        :param density: meters from anywhere per number, as far as that is known.
        """
        self._learn_numbers()
        self._cells.clear()
        lone, several = self._part(density)
        self.isolated = len(lone) + self.seen - len(self._numbers)
        self._inside.clear()
        self.chances.clear()
        self.by_cell.clear()
        self.telling.clear()
        trust = self._trust(lone, len(several))
        parts = [*several, *(([number], trust) for number in lone)]
        for part, of_delivery in sorted(parts):
            for number, chance in neighbours(part, of_delivery, self._is_open):
                self._place(number, chance)
            if of_delivery > WORTH_TRYING:
                self.telling += map(identification_of, telling(part, of_delivery, self._is_open))

    def inside(self, cell: Cell, least: float) -> list[int]:
        """Give the guesses in a cell that are more probable than `least`."""
        return [guess for guess in self._inside.get(cell, ()) if self.chances[guess] > least]

    def follow(self, split: Cell) -> None:
        """Move what was guessed in a cell to its children."""
        self.by_cell.pop(split, None)
        for identification in self._inside.pop(split, ()):
            cell = self._facts.cell_at(identification)
            if cell is not None:
                self._enter(cell, identification)

    @property
    def is_told(self) -> bool:
        """Whether something was learned of what `telling` asked for."""
        return any(self._facts.cell_at(identification) is None for identification in self.telling)

    def _learn_numbers(self) -> None:
        for identification in self._facts.known[self.seen :]:
            number = number_of(identification)
            if number is not None:
                insort(self._numbers, number)
        self.seen = len(self._facts.known)

    def _part(self, density: float) -> tuple[list[int], list[tuple[list[int], float]]]:
        """Tell lone numbers, and those that are close by chance, from probable deliveries; these with their probability."""
        # Two meters with one number are no delivery.
        parts = deliveries(list(dict.fromkeys(self._numbers)))
        lone = [part[0] for part in parts if len(part) == 1]
        trust = self._trust(lone, sum(1 for part in parts if len(part) > 2))
        several = []
        for part in parts:
            if len(part) > 1:
                of_delivery = credit(part, trust, density, self._is_open)
                if of_delivery > PROBABLE:
                    several.append((part, of_delivery))
                else:
                    lone += part
        return lone, several

    def _trust(self, lone: list[int], several: int) -> float:
        """Give the probability that a lone meter is of a delivery, by what became of those whose neighbours are known."""
        refuted = sum(1 for number in lone if not (self._is_open(number - 1) and self._is_open(number + 1)))
        return (several + 0.5) / (several + refuted + 1)

    def _is_open(self, number: int) -> bool:
        if not 0 <= number < 10**ID_DIGITS:
            return False
        cell = self._facts.cell_at(identification_of(number))
        if cell is not None:
            self._cells[number] = cell
        return cell is not None

    def _place(self, number: int, chance: float) -> None:
        identification = identification_of(number)
        self.chances[identification] = chance
        self._enter(self._cells[number], identification)

    def _enter(self, cell: Cell, identification: int) -> None:
        self._inside[cell].append(identification)
        region = self.by_cell.get(cell)
        if region is None:
            region = self.by_cell[cell] = Region()
        region.add_guess(self.chances[identification])
