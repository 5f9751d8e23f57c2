"""The current of a bus on which nobody sends, learnt while nobody is asked. No I/O, no clock."""

from collections import deque
from statistics import median
from typing import Final

UNIT_LOAD: Final = 1.5
"""mA of one unit load (MBUS.md 1.1)."""
MOST_SAMPLES: Final = 31
LEAST_SAMPLES: Final = 5
"""Fewer say nothing yet."""


class IdleCurrent:
    """The median of the last quiet samples: a single disturbed one does not move it."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=MOST_SAMPLES)
        self._told: float | None = None

    def told(self, current: float) -> None:
        """Take what a source says that knows it."""
        self._told = current

    def quiet(self, current: float) -> None:
        """Take the mA of an instant at which nobody sent."""
        self._samples.append(current)

    def forget(self) -> None:
        """The bus was off: what hangs on it may be another load now."""
        self._samples.clear()
        self._told = None

    @property
    def milliamperes(self) -> float | None:
        """The idle current; None while too little was seen."""
        if self._told is not None:
            return self._told
        return median(self._samples) if len(self._samples) >= LEAST_SAMPLES else None


def unit_loads(milliamperes: float) -> float:
    """Tell how many unit loads draw a current."""
    return milliamperes / UNIT_LOAD
