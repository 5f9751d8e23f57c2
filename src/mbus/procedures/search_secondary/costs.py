"""What a question is worth, in time. Pure arithmetic on probabilities; knows neither bus nor masks.

A select that nobody answers costs the whole answer window, one that is acknowledged much less; a reading costs its length,
whether it can be read or has collided. A question saves the selects that need not be sent any more when nobody answers, or when
exactly one meter does.
"""

from dataclasses import dataclass
from typing import Final

BITS: Final = 11
"""Bit times of one character."""
ANSWER_DELAY: Final = 72
"""Bit times until an ordinary meter answers: 30 ms at 2400 baud."""
WINDOW: Final = 450
"""Bit times until silence is certain: 330, and 50 ms at 2400 baud."""
IDLE: Final = 33
"""Bit times of quiet behind an answer."""
SELECT: Final = 17 * BITS
REQUEST: Final = 5 * BITS
USUAL_REPLY: Final = 100
"""Bytes of a reading, as long as none has come."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What transactions take, in bit times of a bus at 2400 baud; what matters is how they compare.

    :ivar silence: a select that nobody answers.
    :ivar acknowledgement: a select that is answered.
    :ivar reading: a request for data, with an answer that can be read or not.
    """

    silence: float
    acknowledgement: float
    reading: float


def prices(reply: float = USUAL_REPLY) -> Prices:
    """Give the prices on a bus with readings of so many bytes."""
    return Prices(
        SELECT + WINDOW + BITS,
        SELECT + ANSWER_DELAY + BITS + IDLE,
        REQUEST + ANSWER_DELAY + reply * BITS + IDLE,
    )


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
class Savings:
    """Silent selects that are not needed any more once a mask is settled.

    :ivar empty: because nobody is there.
    :ivar single: because one meter is there; its own select and reading not counted.
    """

    empty: float
    single: float


SPLIT: Final = Savings(5, 6)
"""By settling a cell that would be split on one digit otherwise: its empty children share wide masks with others."""


INSIGHT: Final = 1.2
"""What a meter found alone saves, as a share of the cells that it settles: it explains answers of other masks too."""


def cells(count: int) -> Savings:
    """By settling so many cells at once."""
    return Savings(count, INSIGHT * (count - 1))


@dataclass(frozen=True, slots=True)
class Offer:
    """A question with its worth.

    :ivar gain: time saved on average, less the time that it costs.
    :ivar request: whether the reading should be asked for when the select is acknowledged.
    """

    gain: float
    request: bool


def offer(outlook: Outlook, saved: Savings, hidden: float, price: Prices) -> Offer:
    """Value a mask under which no meter is known yet.

    :param hidden: share of collisions that look like one acknowledgement.
    """
    by_select = outlook.none * (saved.empty - 1) * price.silence - (1 - outlook.none) * price.acknowledgement
    # One meter alone is read by the way, which would have cost a select and a request of its own.
    alone = saved.single * price.silence + price.acknowledgement + price.reading
    by_request = outlook.one * alone - (outlook.one + outlook.several * hidden) * price.reading
    return Offer(by_select + max(0.0, by_request), by_request > 0)


def offer_beside(outlook: Outlook, saved: Savings, hidden: float, price: Prices) -> Offer:
    """Value a mask under which one meter is known: only its lone answer settles the mask.

    :param outlook: for further meters.
    """
    acknowledged = outlook.none + (1 - outlook.none) * hidden
    cost = price.acknowledgement + acknowledged * price.reading
    return Offer(outlook.none * saved.empty * price.silence - cost, True)
