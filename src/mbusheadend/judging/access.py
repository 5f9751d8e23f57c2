"""That somebody else reads the meter too: its access number counts every answer, modulo 256.

Some meters never change the number, some leave it to chance; only of one that counts as it should most of the time a jump says
that others had answers from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

FEWEST: Final = 5
"""Steps from one reading to the next without which nothing is said."""
MODULUS: Final = 256


@dataclass(frozen=True, slots=True)
class Answers:
    """What a reading shows of the count.

    :ivar first: access number of its first telegram, `last` of its last.
    :ivar is_clean: whether each request was answered the first time; a repeated one may count twice.
    """

    taken: datetime
    first: int
    last: int
    is_clean: bool


@dataclass(frozen=True, slots=True)
class ForeignAnswers:
    """Between two readings the meter answered somebody else `count` times, or 256 times more."""

    since: datetime
    until: datetime
    count: int


def foreign_answers(readings: Sequence[Answers]) -> tuple[ForeignAnswers, ...]:
    """Find the jumps in readings that are in the order of time; none where the meter does not count regularly."""
    steps = [
        (earlier, later, (later.first - earlier.last) % MODULUS)
        for earlier, later in pairwise(readings)
        if earlier.is_clean and later.is_clean
    ]
    regular = sum(step == 1 for _, _, step in steps)
    if len(steps) < FEWEST or 2 * regular <= len(steps):
        return ()
    return tuple(
        ForeignAnswers(earlier.taken, later.taken, (step - 1) % MODULUS)
        for earlier, later, step in steps
        if step != 1
    )
