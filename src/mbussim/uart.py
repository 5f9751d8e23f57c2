"""Characters as levels on the wire, and levels as a receiver's UART reads them (EN 13757-2; MBUS.md 1.1, 1.3).

A slave sends by drawing more current: a space dominates a mark, so what several slaves send at once is space wherever one of them
sends a space. Levels are sampled `SAMPLES` times per bit and held in one large integer per transmission (1 = space, the earliest
sample is the most significant bit); superposing is one shift and one OR per transmission, whatever its length.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from mbus.link.timing import CHARACTER_BITS

SAMPLES: Final = 16
"""Samples per bit: the usual oversampling of a UART."""
MIDDLE: Final = SAMPLES // 2

Parity = Literal["E", "N"]


@dataclass(frozen=True, slots=True)
class Levels:
    """A stretch of line.

    :ivar space: sampled levels, 1 = space.
    :ivar samples: how many samples there are; those in front are marks where `space` is shorter.
    """

    space: int
    samples: int


@dataclass(frozen=True, slots=True)
class Character:
    """What a UART read.

    :ivar end: sample at which the character is complete, counted from the begin of the levels.
    :ivar value: its eight bits.
    :ivar bad: the parity or the stop bit was wrong.
    """

    end: int
    value: int
    bad: bool


def character_bits(value: int, parity: Parity = "E") -> str:
    """Give the bits of one character in the order of the wire, 1 = space: start, data from the lowest, parity, stop."""
    data = "".join("0" if value >> bit & 1 else "1" for bit in range(8))
    if parity == "N":
        return f"1{data}0"
    return f"1{data}{'0' if value.bit_count() & 1 else '1'}0"


_HEX: Final = [
    "".join(("f" if bit == "1" else "0") * (SAMPLES // 4) for bit in character_bits(value))
    for value in range(256)
]
_READ: Final = {
    parity: {
        character_bits(value, parity)[:-1] + stop: (value, stop == "1")
        for value in range(256)
        for stop in "01"
    }
    for parity in ("E", "N")
}


@lru_cache(maxsize=512)
def levels(data: bytes) -> Levels:
    """Give the levels of characters without gaps, even parity, at the receiver's own rate."""
    return Levels(int("".join(map(_HEX.__getitem__, data)) or "0", 16), len(data) * CHARACTER_BITS * SAMPLES)


def levels_at_other_rate(data: bytes, baud: int, receiver: int) -> Levels:
    """Give the levels of characters that are sent at `baud`, as samples of a receiver at another rate."""
    bits = "".join(map(character_bits, data))
    width = SAMPLES * receiver / baud
    edges = [round(index * width) for index in range(len(bits) + 1)]
    text = "".join(bit * (edges[index + 1] - edges[index]) for index, bit in enumerate(bits))
    return Levels(int(text or "0", 2), len(text))


def superpose(parts: Iterable[tuple[int, Levels]]) -> Levels:
    """Lay transmissions over each other, each with the sample at which it begins."""
    parts = list(parts)
    total = max((offset + part.samples for offset, part in parts), default=0)
    space = 0
    for offset, part in parts:
        space |= part.space << (total - offset - part.samples)
    return Levels(space, total)


def read(line: Levels, parity: Parity = "E", *, repeats_break: bool = True) -> list[Character]:
    """Read levels as a UART does: start edge, samples in mid-bit, parity, stop bit.

    A line that is held at space gives one zero after the other, each of them bad; without `repeats_break` one only, and then
    nothing until there has been a mark: UARTs differ.
    """
    bits = CHARACTER_BITS if parity == "E" else CHARACTER_BITS - 1
    text = format(line.space, f"0{line.samples}b") + "0" * (bits * SAMPLES)
    known = _READ[parity]
    characters: list[Character] = []
    position = 0
    while (start := text.find("1", position)) >= 0:
        position = start + MIDDLE
        sampled = text[position : position + bits * SAMPLES : SAMPLES]
        if sampled[0] == "0":
            continue
        value, bad = known.get(sampled) or (_data_bits(sampled), True)
        characters.append(Character(start + bits * SAMPLES, value, bad))
        position += (bits - 1) * SAMPLES
        if sampled[-1] == "1":
            # No stop bit: the next character begins at its end, or with the next edge.
            is_break = "0" not in sampled
            position = text.find("0", position) if is_break and not repeats_break else start + bits * SAMPLES
    return characters


def _data_bits(sampled: str) -> int:
    return sum(1 << bit for bit in range(8) if sampled[1 + bit] == "0")
