"""Which mask to ask for next: the one that saves most, by what is proven and what is probable.

Every open cell must be settled. Its own mask is one way; a wider mask that holds the cell and others may settle all of them with
one silence; and where several meters are all but certain, asking at all is wasted and the cell is split at once.
"""

from dataclasses import dataclass
from typing import Final

from mbus.procedures.search_secondary.costs import (
    SPLIT,
    Offer,
    Outlook,
    Savings,
    cells,
    offer,
    offer_beside,
    prices,
)
from mbus.procedures.search_secondary.facts import Cell, Facts
from mbus.procedures.search_secondary.masks import Mask, digit_at, free_positions, wider
from mbus.procedures.search_secondary.model import Model

DIVE: Final = 2
"""Until so many meters are known the narrowest cell is settled first, to learn from them."""
CROWDED: Final = 25
"""With fewer open cells after the first of them the bus has few meters: what the second would tell is not worth its way."""
HOPEFUL: Final = 0.3
"""Guesses above this probability have a say in the digit that a cell is split on."""


@dataclass(frozen=True, slots=True)
class Question:
    """A mask to select.

    :ivar request: whether to ask for the reading too when it is acknowledged.
    :ivar outlook: what is expected.
    """

    mask: Mask
    request: bool
    outlook: Outlook


class Planner:
    """Chooses questions about the open cells of `facts`; splits cells, and changes nothing else.

    :ivar hidden: share of collisions that look like one acknowledgement, as the bus has shown so far.
    :ivar price: of transactions, by the readings that have come so far.
    """

    def __init__(self, facts: Facts, model: Model) -> None:
        self.hidden = 1.0
        self.price = prices()
        self._facts = facts
        self._model = model

    def next(self) -> Question | None:
        """Give the next question; None when nothing is open."""
        while self._facts.open:
            cell = self._cell()
            if not self._worth_asking(cell):
                self.split(cell)
                continue
            return self._best(cell)
        return None

    def _cell(self) -> Cell:
        """Choose what to settle next: what there is most to learn from, then what is widest."""
        if self._is_to_dive():
            return self._facts.any_cell(widest=False)
        for identification in self._model.guesses.telling:
            cell = self._facts.cell_at(identification)
            if cell is not None:
                return cell
        return self._facts.any_cell(widest=True)

    def _is_to_dive(self) -> bool:
        known = len(self._facts.known)
        return known == 0 or (known < DIVE and len(self._facts.open) > CROWDED)

    def split(self, cell: Cell) -> None:
        """Replace a cell by its children on the digit that tells most of the likely meters in it apart."""
        likely = self._model.guesses.inside(cell, HOPEFUL)
        care, value = cell.mask
        inside = [*likely, *(meter for meter in self._facts.known if meter & care == value)]
        free = free_positions(cell.mask[0])
        position = max(free, key=lambda place: len({digit_at(meter, place) for meter in inside}))
        self._facts.split(cell, position)
        self._model.follow(cell)

    def _worth_asking(self, cell: Cell) -> bool:
        if not free_positions(cell.mask[0]):
            return True
        if self._is_pointless(cell.mask):
            return False
        # One meter on the whole bus is not improbable, whatever the model says.
        if cell.mask == self._facts.base:
            return True
        return self._offer(cell.mask, self._outlook(cell.mask), SPLIT).gain > 0

    def _best(self, cell: Cell) -> Question:
        """Ask for the cell itself, or for a wider mask from which more is to be gained."""
        outlook = self._outlook(cell.mask)
        best, most = self._question(cell.mask, outlook, self._offer(cell.mask, outlook, SPLIT)), 0.0
        for mask in wider(cell.mask, self._facts.base[0]):
            settled = len(self._facts.cells(mask))
            if settled < 2 or self._is_pointless(mask):
                continue
            outlook = self._outlook(mask)
            wide = self._offer(mask, outlook, cells(settled))
            if wide.gain > most:
                best, most = self._question(mask, outlook, wide), wide.gain
        return best

    def _is_pointless(self, mask: Mask) -> bool:
        """Whether its answer is known: it has answered before, or must."""
        known = self._facts.known_in(mask)
        return known > 1 or self._facts.proofs.get(mask, 0) > known or mask in self._facts.unread

    def _outlook(self, mask: Mask) -> Outlook:
        return Outlook(*self._model.outlook(self._facts.cells(mask)))

    def _offer(self, mask: Mask, outlook: Outlook, saved: Savings) -> Offer:
        value = offer_beside if self._facts.known_in(mask) else offer
        return value(outlook, saved, self.hidden, self.price)

    def _question(self, mask: Mask, outlook: Outlook, chosen: Offer) -> Question:
        is_first = len(self._facts.known) < DIVE
        request = chosen.request or is_first or not free_positions(mask[0])
        return Question(mask, request, self._with_known(mask, outlook))

    def _with_known(self, mask: Mask, further: Outlook) -> Outlook:
        """Take the known meters into an outlook for further ones."""
        known = self._facts.known_in(mask)
        if known == 0:
            return further
        return Outlook(0.0, further.none if known == 1 else 0.0)
