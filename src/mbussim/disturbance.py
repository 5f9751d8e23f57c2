"""What faults may change on the wire: the hooks, and what an answer is."""

import random
from dataclasses import dataclass

from mbus.link import timing
from mbussim.slave import Slave


@dataclass(frozen=True, slots=True)
class Answer:
    """What one sender puts on the wire.

    :ivar start: seconds at which its first start bit begins.
    :ivar slave: who sends; None for noise and echoes.
    """

    start: float
    data: bytes
    baud: int
    slave: Slave | None = None

    @property
    def end(self) -> float:
        """Seconds at which its last stop bit ends."""
        return self.start + timing.characters(len(self.data), self.baud)


class Disturbance:
    """Base of the faults of a bus: each hook leaves things as they are."""

    def hears(self, slave: Slave, baud: int) -> bool:
        """Tell whether a slave understands a request at this rate."""
        return True

    def answers(
        self, answers: list[Answer], request_end: float, baud: int, chance: random.Random
    ) -> list[Answer]:
        """Change, remove or add answers to one request."""
        return answers

    def echo(self, data: bytes, start: float, baud: int) -> list[Answer]:
        """Give what the converter itself returns while it sends."""
        return []


@dataclass(frozen=True, slots=True)
class Loss(Disturbance):
    """An answer that one meter alone sends is lost on the way.

    :ivar probability: of each such answer, 0 to 1.
    """

    probability: float

    def answers(
        self, answers: list[Answer], request_end: float, baud: int, chance: random.Random
    ) -> list[Answer]:
        """Lose it, or not."""
        if len(answers) == 1 and chance.random() < self.probability:
            return []
        return answers
