"""Messages on their way, as the store keeps them until they have arrived."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OutgoingState(StrEnum):
    """How far a message is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way.

    :ivar id: for good; it stands in the message, which may arrive more than once.
    :ivar rule: id of the rule that wanted it.
    :ivar body: JSON of `mbusheadend.alarms.news.Message`.
    :ivar due: when it is tried next.
    :ivar error: why it did not arrive so far; of a delivered one, who did not get it.
    """

    id: str
    rule: str
    body: str
    state: OutgoingState
    added: datetime
    attempts: int
    due: datetime
    changed: datetime
    error: str
