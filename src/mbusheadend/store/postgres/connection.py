"""The common SQL as PostgreSQL has it, and rows by name and by position."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import psycopg
from psycopg.raw_cursor import RawCursor

from mbusheadend.store.sql.connection import Cursor, Parameters, Row
from mbusheadend.store.sql.found import DAY

PAGE: Final = 2000
"""Readings that are fetched at once."""
OVER_ALL: Final = frozenset({"serial"})
"""Keys that are given once over all tenants: a statement that names one names it alone."""
_PLACEHOLDERS: Final = re.compile(r"'(?:[^']|'')*'|(?:\?(\d*)|(?<![:\w]):(\w+))( IS (?:NOT )?NULL)?")
_WORDS: Final = (
    (r"\bIN numbers\(([^)]+)\)", r"IN (SELECT value::bigint FROM json_array_elements_text(\1::json))"),
    (r"\bIN texts\(([^)]+)\)", r"IN (SELECT value FROM json_array_elements_text(\1::json))"),
    (r"\bjoined\(", "string_agg("),
    (r"\binstr\(", "strpos("),
    (r"\bLIKE\b", "ILIKE"),
    (r"\bfolded\(([\w.]+)\)", r'lower(\1 COLLATE "C")'),
    (r"\bin_days\((\w+), \?, \?\)", rf"\1 >= ? * {DAY} AND \1 < (? + 1) * {DAY}"),
)
_MEMBER: Final = re.compile(r"\bmember_(text|number)\((\w+), '([\w.]+)'\)")
_CONFLICT: Final = re.compile(r"\bON CONFLICT \(([\w, ]+)\)")
_READINGS: Final = "SELECT * FROM reading WHERE meter = $1 AND taken >= $2 AND taken < $3"
_NEXT: Final = (
    f"{_READINGS} AND (taken, number) > ($4, $5) ORDER BY taken, number LIMIT {PAGE}",
    f"{_READINGS} AND (taken, number) < ($4, $5) ORDER BY taken DESC, number DESC LIMIT {PAGE}",
)
_NUMBERS: Final = "UPDATE numbering SET last = last + ?1 RETURNING last - ?1 + 1"
_FARTHEST: Final = (1 << 63) - 1


class Translated(NamedTuple):
    """A statement of PostgreSQL.

    :ivar names: those of its parameters in order, None where they stand by position.
    :ivar asked: parameters, from 0, of which it asks whether they are NULL: for each there is one more, which says it. The server
        would have to guess the type of such a parameter.
    """

    text: bytes
    names: tuple[str, ...] | None
    asked: tuple[int, ...]

    def values(self, parameters: Parameters) -> Sequence[Any]:
        """Give parameters as the server gets them."""
        if isinstance(parameters, Mapping):
            given: Sequence[Any] = [parameters[name] for name in self.names or ()]
        else:
            given = parameters
        return [*given, *(given[place] is None for place in self.asked)] if self.asked else given


class PostgresRow:
    """A row, read by name or by position."""

    __slots__ = ("_cells", "_places")

    def __init__(self, cells: Sequence[Any], places: Mapping[str, int]) -> None:
        self._cells = cells
        self._places = places

    def __getitem__(self, key: int | str, /) -> Any:
        return self._cells[self._places[key] if isinstance(key, str) else key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)

    def keys(self) -> Iterable[str]:
        """Give the names."""
        return self._places.keys()


Raw: TypeAlias = psycopg.Connection[PostgresRow]


def rows_of(cursor: Any) -> Callable[[Sequence[Any]], PostgresRow]:
    """Make rows of a cursor's results (a row factory of psycopg)."""
    places: dict[str, int] = {}
    for place, column in enumerate(cursor.description or ()):
        places.setdefault(column.name, place)
    return lambda cells: PostgresRow(cells, places)


@lru_cache(4096)
def translated(statement: str) -> Translated:
    """Say a statement of the common SQL (`mbusheadend.store.sql.connection`) in PostgreSQL's words."""
    for word, said in _WORDS:
        statement = re.sub(word, said, statement)
    statement = _CONFLICT.sub(_keyed, _MEMBER.sub(_member, _truths(statement)))
    names: list[str] = []
    asked: list[int] = []
    count = 0

    def numbered(found: re.Match[str]) -> str:
        nonlocal count
        if found[0].startswith("'"):
            return found[0]
        if found[2]:
            if found[2] not in names:
                names.append(found[2])
            place = names.index(found[2]) + 1
        else:
            place = int(found[1] or count + 1)
        count = max(count, place)
        if not found[3]:
            return f"${place}"
        asked.append(place - 1)
        return f"\0{len(asked)}\0 {'=' if found[3] == ' IS NULL' else '<>'} 1"

    text = _PLACEHOLDERS.sub(numbered, statement)
    text = re.sub("\0(\\d+)\0", lambda found: f"${count + int(found[1])}", text)
    return Translated(text.encode(), tuple(names) if names else None, tuple(asked))


def _member(found: re.Match[str]) -> str:
    path = ",".join(found[3].split("."))
    kind = "bigint" if found[1] == "number" else 'text COLLATE "C"'
    return f"({found[2]}::json #>> '{{{path}}}')::{kind}"


def _keyed(found: re.Match[str]) -> str:
    columns = found[1].split(", ")
    return found[0] if OVER_ALL.issuperset(columns) else f"ON CONFLICT ({found[1]}, tenant)"


def _truths(statement: str) -> str:
    while (begin := statement.find("truth(")) >= 0:
        opened = begin + len("truth(")
        depth, end = 1, opened
        while depth:
            depth += {"(": 1, ")": -1}.get(statement[end], 0)
            end += 1
        statement = f"{statement[:begin]}({statement[opened : end - 1]})::integer{statement[end:]}"
    return statement


class PostgresConnection:
    """`mbusheadend.store.sql.connection.Connection`; `raw` is psycopg's own."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw

    def execute(self, statement: str, parameters: Parameters = ()) -> RawCursor[PostgresRow]:
        """See the protocol."""
        said = translated(statement)
        return self._cursor().execute(said.text, said.values(parameters), binary=True)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> RawCursor[PostgresRow]:
        """See the protocol."""
        cursor = self._cursor()
        said = translated(statement)
        cursor.executemany(said.text, map(said.values, rows))
        return cursor

    def numbers_for(self, count: int) -> int:
        """See the protocol. Who has the numbers keeps others from theirs until his readings can be seen: they come in order."""
        while True:
            row = self.execute(_NUMBERS, (count,)).fetchone()
            if row is not None:
                return int(row[0])
            self.execute("INSERT INTO numbering (last) VALUES (0) ON CONFLICT DO NOTHING")

    def readings_of(
        self, meter: int, since: int, until: int, *, after: Cursor | None = None, backwards: bool = False
    ) -> Iterator[Row]:
        """See the protocol. The index begins with the meter, so page after page is read from where the last one ended."""
        place = after or ((_FARTHEST, _FARTHEST) if backwards else (-_FARTHEST, -_FARTHEST))
        while True:
            rows = self.execute(_NEXT[backwards], (meter, since, until, *place)).fetchall()
            yield from rows
            if len(rows) < PAGE:
                return
            place = (rows[-1]["taken"], rows[-1]["number"])

    def _cursor(self) -> RawCursor[PostgresRow]:
        return RawCursor(self.raw, row_factory=rows_of)
