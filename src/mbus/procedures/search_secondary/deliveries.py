"""Meters of one delivery have consecutive numbers: which numbers are likely, given those that were found.

Nothing here knows of masks or cells. Found numbers that lie close together are one delivery. Numbers between two of them are
meters as often as in that delivery so far; beyond its ends the hope fades with the distance, measured in what it spans already,
and drops behind every number that is known to be empty.
"""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
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
ROW: Final = 3
"""So many empty numbers in a row are no gap."""
EVIDENCE: Final = 1e6
"""Odds above are as good as certain."""
SURE: Final = 0.98
"""Numbers that are a delivery with this probability need no test of that."""
UNSURE: Final = 5
"""Numbers beyond an end that may well be meters or not; where they are fewer, each is asked for soon anyway."""

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


def credit(part: list[int], trust: float, density: float, is_open: IsOpen) -> float:
    """Give the probability that numbers which lie close together are a delivery, and not where they are by chance.

    :param part: two different numbers or more.
    :param trust: probability that a meter is of a delivery, when nothing is known of the numbers around it.
    :param density: meters from anywhere per number.
    """
    odds = trust / (1 - trust)
    for one, other in pairwise(part):
        # In a delivery any order of magnitude of a distance is as likely as another.
        odds = min(EVIDENCE, odds / (math.log(REACH) * (other - one) * density))
    inner = {part[0] + 1, part[-1] - 1}.difference(part)
    odds *= (1 - FILL) ** sum(1 for number in inner if not is_open(number))
    return odds / (odds + 1)


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
    yield from ((number, trust * fill) for number in open_inside)
    span = _span(delivery)
    yield from _beyond(last, 1, span, trust * fill, is_open)
    yield from _beyond(first, -1, span, trust * fill, is_open)


def telling(delivery: list[int], trust: float, is_open: IsOpen) -> Iterator[int]:
    """Give the numbers whose answer tells most about a delivery, where much is unsure.

    Where it is not `SURE` that there is a delivery it is the number behind the first one. Beyond either end it is the number that
    is a meter as likely as not: what is found there is not lost, and what lies before it and behind it is known much better then.
    """
    first, last = delivery[0], delivery[-1]
    if first == last:
        if is_open(first - 1) and is_open(last + 1):
            yield last + 1
        return
    if trust < SURE and is_open(first + 1):
        yield first + 1
        return
    for end, step in ((last, 1), (first, -1)):
        chances = _beyond(end, step, _span(delivery), FILL, is_open)
        unsure = [(abs(chance - 0.5), number) for number, chance in chances if 0.2 < chance < 0.8]
        if len(unsure) >= UNSURE:
            yield min(unsure)[1]


def _span(delivery: list[int]) -> int:
    return max(delivery[-1] - delivery[0], SHORTEST)


def _beyond(end: int, step: int, span: int, hope: float, is_open: IsOpen) -> Iterator[Chance]:
    """Give the open numbers on one side: a delivery that spans so many numbers goes on for `distance` more by this law."""
    empty, gaps = _empty_ahead(end, step, span, hope, is_open)
    law_there = span / (span + empty) if gaps else 0.0
    ended = law_there * (1 - GAP**gaps)
    for distance in range(1, REACH):
        number = end + step * distance
        law = span / (span + distance)
        if hope * law < FAINT or not 0 <= number < 10**ID_DIGITS:
            return
        chance = hope * (law - ended) / (1 - ended) if distance < empty else hope * law
        if distance >= empty and not is_open(number):
            hope *= GAP
        elif chance >= FAINT:
            yield number, chance


def _empty_ahead(end: int, step: int, span: int, hope: float, is_open: IsOpen) -> tuple[int, int]:
    """Give the distance of the first number that is ruled out, and how many are from there in a row, as far as that matters."""
    for distance in range(1, REACH):
        if hope * span / (span + distance) < FAINT:
            break
        if not is_open(end + step * distance):
            row = range(distance, distance + ROW)
            return distance, next((d - distance for d in row if is_open(end + step * d)), ROW)
    return REACH, 0
