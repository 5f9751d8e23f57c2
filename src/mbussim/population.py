"""Who lives on a simulated bus: secondary addresses as real buildings have them, the same for the same seed.

==============  =====================================================================================
``ids``         identifications
==============  =====================================================================================
``random``      uniform over all eight decimal digits
``sequential``  one run of consecutive numbers from a random start: one delivery
``batches``     two consecutive runs at two random starts
``mixed``       three deliveries with 4 % gaps, one run without, and one meter in five of anywhere
==============  =====================================================================================
"""

from collections.abc import Iterator
from random import Random
from typing import Final, Literal, get_args

from mbus.addressing import ID_DIGITS, SecondaryAddress, manufacturer_code

Ids = Literal["random", "sequential", "batches", "mixed"]

_NUMBERS: Final = 10**ID_DIGITS
_MAKES: Final = (
    ("KAM", 0x35, 0x04),
    ("KAM", 0x1D, 0x16),
    ("LUG", 0x07, 0x04),
    ("ZRI", 0x88, 0x07),
    ("ABB", 0x02, 0x02),
    ("ELS", 0x0A, 0x03),
)
"""Manufacturer, version and medium of a few common meters: heat, water, electricity, gas."""
_MIXED_SHARES: Final = ((0.28, 0.04), (0.16, 0.04), (0.08, 0.04), (0.28, 0.0))
"""Share of the meters and share of numbers left out, per delivery of a mixed building; the rest is from anywhere."""


def population(n: int, ids: str, seed: int) -> tuple[SecondaryAddress, ...]:
    """Give `n` different secondary addresses in the order in which they were made up.

    Raise `ValueError` for an unknown kind of `ids` or a number of meters that the digits cannot hold.
    """
    if ids not in get_args(Ids):
        raise ValueError(f"ids are one of {', '.join(get_args(Ids))}, not {ids!r}")
    if not 0 <= n <= _NUMBERS // 100:
        raise ValueError(f"a simulated bus has 0 to {_NUMBERS // 100} meters, not {n}")
    random = Random(f"{ids}/{n}/{seed}")  # noqa: S311 - repeatable on purpose
    taken: dict[int, SecondaryAddress] = {}
    for count, gaps in _deliveries(n, ids):
        make = random.choice(_MAKES)
        for number in _run(random, count, gaps, taken):
            taken[number] = _address(number, make)
    while len(taken) < n:
        number = random.randrange(_NUMBERS)
        if number not in taken:
            taken[number] = _address(number, random.choice(_MAKES))
    return tuple(taken.values())


def _deliveries(n: int, ids: str) -> list[tuple[int, float]]:
    match ids:
        case "sequential":
            return [(n, 0.0)]
        case "batches":
            return [(n // 2, 0.0), (n - n // 2, 0.0)]
        case "mixed":
            return [(round(n * share), gaps) for share, gaps in _MIXED_SHARES]
    return []


def _run(random: Random, count: int, gaps: float, taken: dict[int, SecondaryAddress]) -> list[int]:
    while True:
        start = random.randrange(_NUMBERS)
        run = [number for number, _ in zip(_numbers(random, start, gaps), range(count), strict=False)]
        if len(run) == count and not any(number in taken for number in run):
            return run


def _numbers(random: Random, start: int, gaps: float) -> Iterator[int]:
    for number in range(start, _NUMBERS):
        if random.random() >= gaps:
            yield number


def _address(number: int, make: tuple[str, int, int]) -> SecondaryAddress:
    manufacturer, version, medium = make
    return SecondaryAddress(f"{number:0{ID_DIGITS}d}", manufacturer_code(manufacturer), version, medium)
