"""Values of a register over time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from mbus.application.datatypes import Value


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a register at a time.

    :ivar status: why the value is to be doubted or not there.
    """

    taken: datetime
    value: Value
    status: str | None = None


def numbers(points: Iterable[Point]) -> list[tuple[datetime, Decimal]]:
    """Give the points that are numbers, in the order of time; a float by its shortest digits."""
    found = [
        (point.taken, Decimal(repr(point.value)) if isinstance(point.value, float) else Decimal(point.value))
        for point in points
        if isinstance(point.value, (int, float, Decimal))
    ]
    return sorted(found, key=lambda pair: pair[0])
