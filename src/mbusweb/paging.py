"""Long lists a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")
_LONGEST_NUMBER: Final = 6


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """Some of a list.

    :ivar number: of this page, from 1; :ivar count: of all pages.
    """

    rows: Sequence[T]
    number: int
    count: int


def paged(rows: Sequence[T], asked: str, size: int) -> Paged[T]:
    """Give the page that was asked for, or the nearest there is.

    :param asked: what an address says; anything.
    """
    count = max(1, -(-len(rows) // size))
    known = asked.isascii() and asked.isdecimal() and len(asked) <= _LONGEST_NUMBER
    number = min(max(1, int(asked) if known else 1), count)
    return Paged(rows[(number - 1) * size : number * size], number, count)
