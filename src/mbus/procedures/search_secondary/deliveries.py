"""Meters of one delivery have consecutive numbers: which numbers are likely, given those that were found.

Nothing here knows of masks or cells. Found numbers that lie close together are one delivery. Numbers between two of them are
meters as often as in that delivery so far; beyond its ends the hope fades with the distance, measured in what it spans already,
and drops wherever a number is known to be empty.
"""

from collections.abc import Callable, Iterator
from typing import Final

from mbus.addressing import ID_DIGITS

REACH: Final = 1200
"""Numbers further apart are of different deliveries."""
FILL: Final = 0.9
"""Share of the numbers inside a delivery that are on the bus, as long as little is known of it."""
WEIGHT: Final = 9
"""Numbers that must be known of a delivery to count as much as `FILL`."""
GAP: Final = 0.1
"""What one empty number leaves of the hope that a delivery goes on behind it."""
FAINT: Final = 0.02
"""Chances below are not worth keeping."""
SHORTEST: Final = 10
"""Numbers that a delivery is taken to span at least."""

Chance = tuple[int, float]
IsOpen = Callable[[int], bool]


def deliveries(numbers: list[int]) -> list[list[int]]:
    """Part sorted numbers wherever two are further apart than `REACH`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number - parts[-1][-1] <= REACH:
            parts[-1].append(number)
        else:
            parts.append([number])
    return parts


def neighbours(delivery: list[int], trust: float, is_open: IsOpen) -> Iterator[Chance]:
    """Give the open numbers in and around a delivery, each with the probability that it is a meter.

    :param trust: probability that it is a delivery at all.
    :param is_open: tells whether a number is neither found nor ruled out.
    """
    first, last = delivery[0], delivery[-1]
    if trust * FILL < FAINT:
        return
    members = set(delivery)
    inside = [number for number in range(first, last) if number not in members]
    open_inside = [number for number in inside if is_open(number)]
    ruled_out = len(inside) - len(open_inside)
    fill = (len(delivery) + WEIGHT * FILL) / (len(delivery) + ruled_out + WEIGHT)
    yield from ((number, fill) for number in open_inside)
    span = max(last - first, SHORTEST)
    yield from _beyond(last, 1, span, trust * fill, is_open)
    yield from _beyond(first, -1, span, trust * fill, is_open)


def _beyond(end: int, step: int, span: int, hope: float, is_open: IsOpen) -> Iterator[Chance]:
    for distance in range(1, REACH):
        number = end + step * distance
        chance = hope * span / (span + distance)
        if chance < FAINT or not 0 <= number < 10**ID_DIGITS:
            return
        if is_open(number):
            yield number, chance
        else:
            hope *= GAP
