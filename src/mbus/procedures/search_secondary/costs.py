"""What a question is worth, in transactions. Pure arithmetic on probabilities; knows neither bus nor masks.

A select costs one transaction, and one more where the reading is asked for when it answers. It saves the selects that need not
be sent any more when nobody answers, or when exactly one meter does.
"""

from dataclasses import dataclass
from typing import Final

CHILDREN: Final = 10
"""Selects that it takes to split a cell on one digit."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What may be under a mask.

    :ivar none: probability of no meter.
    :ivar one: probability of exactly one.
    """

    none: float
    one: float

    @property
    def several(self) -> float:
        """Probability of two or more."""
        return max(0.0, 1.0 - self.none - self.one)


@dataclass(frozen=True, slots=True)
class Offer:
    """A question with its worth.

    :ivar gain: transactions saved on average, less those that it costs.
    :ivar request: whether the reading should be asked for when the select is acknowledged.
    """

    gain: float
    request: bool


def offer(outlook: Outlook, saves: float, hidden: float) -> Offer:
    """Value a mask under which no meter is known yet.

    :param saves: selects that are not needed any more once the mask is settled.
    :param hidden: share of collisions that look like one acknowledgement.
    """
    acknowledged = outlook.one + outlook.several * hidden
    # One meter alone is read by the way, which would have cost a request of its own.
    by_request = outlook.one * (saves + 1) - acknowledged
    return Offer(outlook.none * saves - 1 + max(0.0, by_request), by_request > 0)


def offer_beside(outlook: Outlook, saves: float, hidden: float) -> Offer:
    """Value a mask under which one meter is known: only its lone answer settles the mask.

    :param outlook: for further meters.
    """
    acknowledged = outlook.none + (1 - outlook.none) * hidden
    return Offer(outlook.none * saves - 1 - acknowledged, True)


def settling(outlook: Outlook) -> float:
    """Value a cell's own question against having to put it anyway: what it costs more than its one select and request."""
    return 2 * (outlook.none + outlook.one) - 2
