"""One reading as it comes from the bus, before it has an id."""

from dataclasses import dataclass
from datetime import datetime

from mbushosting.readings import Outcome


@dataclass(frozen=True, slots=True)
class Taken:
    """What was read, or why it was not; fields as in `mbushosting.readings.Reading`.

    :ivar frames: whole telegrams, in order.
    """

    bus: str
    meter: str
    schedule: str
    slot: datetime
    taken: datetime
    clock: str
    outcome: Outcome
    attempts: int
    baud: int
    frames: tuple[bytes, ...] = ()
    remark: str = ""
