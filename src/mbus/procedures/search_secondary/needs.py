"""Masks that hold more meters than are known: what was proven there, less what was found."""

from mbus.procedures.search_secondary.facts import Facts
from mbus.procedures.search_secondary.masks import Mask


class Needs:
    """Meters that are still to be found under masks that answered.

    :ivar missing: how many at least, 1 or 2, by mask.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._met: set[Mask] = set()
        self.missing: dict[Mask, int] = {}

    def refresh(self) -> None:
        """Count anew. Where an acknowledgement was followed by no reading, two are taken as proven."""
        facts = self._facts
        self.missing.clear()
        for mask, at_least in facts.proofs.items():
            if mask in self._met:
                continue
            known = facts.known_in(mask)
            missing = (2 if mask in facts.unread else at_least) - known
            if missing > 0:
                self.missing[mask] = missing
            elif known > 1:
                self._met.add(mask)
