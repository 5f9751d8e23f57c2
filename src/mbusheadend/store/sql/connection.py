"""What the parts of the store need of a database: statements in a common SQL.

Placeholders are ``?``, ``?1`` or ``:name``. Truths are the integers 0 and 1. What the databases say in different words is said
by these words of ours, which each database's connection translates once per statement:

=============================  ============================================================================================
``IN numbers(?)``              among the integers of a JSON list (`numbers`), ``IN texts(?)`` among the texts of one
``truth(condition)``           1 or 0 of a condition, to be summed up or compared with a parameter
``greatest(a, b)``             the greater of two that are not NULL; ``least(a, b)`` the smaller
``joined(column, 'x')``        the texts of a group, with something between them
``folded(column)``             a text to sort by, without regard to case
``member_text(c, 'a')``        a text in the JSON object of a column; ``member_number(c, 'a.b')`` an integer in it
``in_days(column, ?, ?)``      a moment of `reading` from one day on to another one, by their numbers since 1970
``ON CONFLICT (columns)``      of a key: columns as in the table; which tenant's they are goes without saying
=============================  ============================================================================================

``LIKE`` does not regard the case of ASCII letters; ``ORDER BY`` of what can be NULL says ``NULLS FIRST`` or ``LAST``.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

T = TypeVar("T")
Cursor: TypeAlias = tuple[int, int]
"""When a reading was taken, and its number."""
Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]


class Row(Protocol):
    """A row, read by name or by position."""

    def __getitem__(self, key: Any, /) -> Any:
        """Give a cell."""

    def __iter__(self) -> Iterator[Any]:
        """Give the cells in order."""


class Result(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """Give how many rows were changed."""

    def fetchone(self) -> Any:
        """Give the next row, None where there is none."""

    def fetchall(self) -> list[Any]:
        """Give the rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Give the rows that are left."""


class Connection(Protocol):
    """A connection within a transaction."""

    def execute(self, statement: str, parameters: Parameters = ()) -> Result:
        """Do one statement."""

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> Result:
        """Do one statement for each row of parameters."""

    def numbers_for(self, count: int) -> int:
        """Give the first of as many numbers, one after the other, for readings that come now."""

    def readings_of(
        self, meter: int, since: int, until: int, *, after: Cursor | None = None, backwards: bool = False
    ) -> Iterator[Row]:
        """Give a meter's readings from `since` to before `until`, by time and number.

        With `after` those behind a page; that counts forwards only.
        """


class Database(Protocol):
    """Does work on connections, in threads, each in one transaction."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Look at one state of the store, whatever is written meanwhile."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Make changes that are kept for good when this returns, all of them or none; one after the other.

        Once begun, the work is finished even where the caller is cancelled. It may be begun anew where a server was lost.
        """


def numbers(values: Iterable[int]) -> str:
    """Write the parameter of ``IN numbers(?)``."""
    return json.dumps(sorted(values))


def texts(values: Iterable[str]) -> str:
    """Write the parameter of ``IN texts(?)``."""
    return json.dumps(sorted(values))
