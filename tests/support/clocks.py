"""A clock that a test sets."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class SetClock(Generic[T]):
    """It is what `time` says: a moment, or seconds since some instant."""

    time: T

    def __call__(self) -> T:
        return self.time
