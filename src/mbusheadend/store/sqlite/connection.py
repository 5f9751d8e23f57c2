"""The common SQL as SQLite has it."""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from mbusheadend.store.sql.connection import Cursor, Parameters, Row
from mbusheadend.store.sql.found import DAY, day_of

_WORDS: Final = (
    (r"\bIN (?:numbers|texts)\(([^)]+)\)", r"IN (SELECT value FROM json_each(\1))"),
    (r"\btruth\(", "("),
    (r"\bgreatest\(", "max("),
    (r"\bleast\(", "min("),
    (r"\bjoined\(", "group_concat("),
    (r"\bfolded\(([\w.]+)\)", r"\1 COLLATE NOCASE"),
    (r"\bmember_(?:text|number)\((\w+), '([\w.]+)'\)", r"json_extract(\1, '$.\2')"),
    (r"\bin_days\((\w+), \?, \?\)", rf"\1 / {DAY} >= ? AND \1 / {DAY} <= ?"),
)
_IN_DAY: Final = f"SELECT * FROM reading WHERE taken / {DAY} = ? AND meter = ? AND taken >= ? AND taken < ? "  # noqa: S608
_FORWARDS: Final = f"{_IN_DAY} ORDER BY taken, number"
_BACKWARDS: Final = f"{_IN_DAY} ORDER BY taken DESC, number DESC"
_DAYS: Final = f"SELECT taken / {DAY} FROM reading ORDER BY taken / {DAY}"  # noqa: S608

_BEHIND: Final = f"SELECT taken / {DAY} FROM reading WHERE taken / {DAY} >= ? ORDER BY taken / {DAY} LIMIT 1"  # noqa: S608
_BEFORE: Final = (
    f"SELECT taken / {DAY} FROM reading WHERE taken / {DAY} <= ? ORDER BY taken / {DAY} DESC LIMIT 1"  # noqa: S608
)
_MANY: Final = 32
"""Empty days in a row, after which is asked where others are."""
_NEVER: Final = 1 << 40


@lru_cache(4096)
def translated(statement: str) -> str:
    """Say a statement of the common SQL (`mbusheadend.store.sql.connection`) in SQLite's words."""
    for word, said in _WORDS:
        statement = re.sub(word, said, statement)
    return statement


class SqliteConnection:
    """`mbusheadend.store.sql.connection.Connection`; `raw` is SQLite's own."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw = raw

    def execute(self, statement: str, parameters: Parameters = ()) -> sqlite3.Cursor:
        """See the protocol."""
        return self.raw.execute(translated(statement), parameters)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        """See the protocol."""
        return self.raw.executemany(translated(statement), rows)

    def numbers_for(self, count: int) -> int:
        """See the protocol."""
        row = self.raw.execute("SELECT coalesce(max(number), 0) + 1 FROM reading").fetchone()
        return int(row[0])

    def readings_of(
        self, meter: int, since: int, until: int, *, after: Cursor | None = None, backwards: bool = False
    ) -> Iterator[Row]:
        """See the protocol. The index by meter begins with the day: each day is looked at by itself."""
        first, last = self._days(max(since, after[0]) if after else since, until)
        step, statement = (-1, _BACKWARDS) if backwards else (1, _FORWARDS)
        day, empty = (last if backwards else first), 0
        while first <= day <= last:
            empty += 1
            for row in self.raw.execute(statement, (day, meter, since, until)):
                empty = 0
                if after is None or (row["taken"], row["number"]) > after:
                    yield row
            day += step
            if empty == _MANY:
                day, empty = self._day_of_any(day, backwards=backwards), 0

    def _day_of_any(self, day: int, *, backwards: bool) -> int:
        """Give the next day from one on that has a reading of any meter: one wrong clock is centuries away from the others."""
        row = self.raw.execute(_BEFORE if backwards else _BEHIND, (day,)).fetchone()
        return _NEVER if row is None else int(row[0])

    def _days(self, since: int, until: int) -> tuple[int, int]:
        """Give the first and the last day in which there can be anything."""
        lowest = self.raw.execute(f"{_DAYS} LIMIT 1").fetchone()
        highest = self.raw.execute(f"{_DAYS} DESC LIMIT 1").fetchone()
        if lowest is None:
            return 0, -1
        return max(lowest[0], day_of(since)), min(highest[0], day_of(until - 1))
