"""How much one run of the bench does."""

from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")


class Effort(StrEnum):
    """Each table takes one, and measures so much.

    :cvar FULL: what the promises are about.
    :cvar QUICK: all tables together in two minutes; times are then no more than a hint.
    :cvar LEAST: whether everything still runs; no figure means anything.
    """

    FULL = "full"
    QUICK = "quick"
    LEAST = "least"

    def pick(self, full: T, quick: T, least: T) -> T:
        """Choose a number of rounds, seeds, meters or seconds."""
        return {Effort.FULL: full, Effort.QUICK: quick, Effort.LEAST: least}[self]
