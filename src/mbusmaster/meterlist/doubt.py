"""Moments of a row that were stamped with a doubtful clock: they stay marked until they are stamped anew."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Stamp(StrEnum):
    """A moment of a row."""

    FIRST_SEEN = "first_seen"
    LAST_SEEN = "last_seen"
    CHECKED = "checked"


Doubts = frozenset[Stamp]
NO_DOUBTS: Final[Doubts] = frozenset()


def restamped(before: Doubts, stamps: Iterable[Stamp], *, doubtful: bool) -> Doubts:
    """Give the doubtful moments once some of them were stamped with the clock of now."""
    stamps = frozenset(stamps)
    return before | stamps if doubtful else before - stamps


def doubts_text(doubts: Doubts) -> str:
    """Write them as they stand in files: names with blanks between."""
    return " ".join(stamp for stamp in Stamp if stamp in doubts)


def doubts_of(text: str) -> Doubts:
    """Read them; raise `ValueError` for what is no name."""
    return frozenset(map(Stamp, text.split()))
