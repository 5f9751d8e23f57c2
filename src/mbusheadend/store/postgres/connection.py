"""The common SQL as PostgreSQL has it, and rows by name and by position."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import psycopg
from psycopg.raw_cursor import RawCursor

from mbusheadend.store.sql.connection import Cursor, Parameters, Row
from mbusheadend.store.sql.found import DAY, day_of

OVER_ALL: Final = frozenset({"serial"})
"""Keys that are given once over all tenants: a statement that names one names it alone."""
_PLACEHOLDERS: Final = re.compile(
    r"'(?:[^']|'')*'"
    r"|\bin_days\((?P<days>\w+), \?, \?\)"
    r"|(?:\?(?P<number>\d*)|(?<![:\w]):(?P<name>\w+))(?P<asked> IS (?:NOT )?NULL)?"
)
_WORDS: Final = (
    # Arrays are looked up in an index; a subquery is joined, which reads a small table whole.
    (r"\bNOT IN (numbers|texts)\(", r"<> ALL \1("),
    (r"\bIN (numbers|texts)\(", r"= ANY \1("),
    (r"\bnumbers\(([^)]+)\)", r"(ARRAY(SELECT value::bigint FROM json_array_elements_text(\1::json)))"),
    (
        r"\btexts\(([^)]+)\)",
        r"(ARRAY(SELECT value FROM json_array_elements_text(replace(\1::text, '\\u0000', '\\ufffd')::json)))",
    ),
    (r"\bjoined\(", "string_agg("),
    (r"\binstr\(", "strpos("),
    (r"\bLIKE\b", "ILIKE"),
    (r"\bfolded\(([\w.]+)\)", r'lower(\1 COLLATE "C")'),
)
_MEMBER: Final = re.compile(r"\bmember_(text|number)\((\w+), '([\w.]+)'\)")
_CONFLICT: Final = re.compile(r"\bON CONFLICT \(([\w, ]+)\)")
_NEVER: Final = 1 << 40
_DAYS: Final = 64
"""That one statement looks through for the readings of a meter."""
_READINGS: Final = f"""
SELECT found.* FROM generate_series($4::integer, $5::integer, {{step}}) AS days (day) CROSS JOIN LATERAL (
    SELECT * FROM reading WHERE reading.day = days.day AND meter = $1
        AND taken >= greatest($2, days.day * {DAY}::bigint - CASE WHEN days.day > 0 THEN 0 ELSE {DAY} END)
        AND taken < least($3, days.day * {DAY}::bigint + CASE WHEN days.day < 0 THEN 1 ELSE {DAY} END)
    ORDER BY taken {{order}}, number {{order}}
) AS found
"""  # noqa: S608 - constants
"""Days as the index has them (`day_of`): that of 1970-01-01 has two."""
_FORWARDS: Final = _READINGS.format(step=1, order="ASC").encode()
_BACKWARDS: Final = _READINGS.format(step=-1, order="DESC").encode()
_ENDS: Final = (
    b"SELECT taken FROM reading ORDER BY taken LIMIT 1",
    b"SELECT taken FROM reading ORDER BY taken DESC LIMIT 1",
)
_NEXT: Final = b"SELECT taken FROM reading WHERE taken >= $1 ORDER BY taken LIMIT 1"
_LAST: Final = b"SELECT taken FROM reading WHERE taken < $1 ORDER BY taken DESC LIMIT 1"
_NUMBERS: Final = "UPDATE numbering SET last = last + ?1 RETURNING last - ?1 + 1"


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
        if found["days"]:
            count += 2
            return _in_days(found["days"], count - 1, count)
        if found["name"]:
            if found["name"] not in names:
                names.append(found["name"])
            place = names.index(found["name"]) + 1
        else:
            place = int(found["number"] or count + 1)
        count = max(count, place)
        if not found["asked"]:
            return f"${place}"
        asked.append(place - 1)
        return f"\0{len(asked)}\0 {'=' if found['asked'] == ' IS NULL' else '<>'} 1"

    text = _PLACEHOLDERS.sub(numbered, statement)
    text = re.sub("\0(\\d+)\0", lambda found: f"${count + int(found[1])}", text)
    return Translated(text.encode(), tuple(names) if names else None, tuple(asked))


def _in_days(column: str, first: int, last: int) -> str:
    """Say it so that partitions and the index by day are found by it."""
    day = f"({column} / {DAY})::integer"
    return (
        f"{day} >= ${first} AND {day} <= ${last} + CASE WHEN ${last} < 0 THEN 1 ELSE 0 END"
        f" AND {column} >= ${first} * {DAY}::bigint"
        f" AND {column} < (${last} + 1) * {DAY}::bigint"
    )


def _member(found: re.Match[str]) -> str:
    # The server reads nothing at all from an object that has NUL in any of its texts.
    path = ",".join(found[3].split("."))
    kind = "bigint" if found[1] == "number" else 'text COLLATE "C"'
    return f"(replace({found[2]}, '\\u0000', '\\ufffd')::json #>> '{{{path}}}')::{kind}"


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
        """See the protocol. The index by meter begins with the day: some days are looked at by one statement."""
        first, last = self._days(max(since, after[0]) if after else since, until)
        step, statement = (-1, _BACKWARDS) if backwards else (1, _FORWARDS)
        day, end = (last, first) if backwards else (first, last)
        while first <= day <= last:
            until_day = day + step * min(_DAYS - 1, abs(end - day))
            cursor = self._cursor().execute(statement, (meter, since, until, day, until_day), binary=True)
            is_empty = True
            for row in cursor:
                is_empty = False
                if after is None or (row["taken"], row["number"]) > after:
                    yield row
            day = until_day + step
            if is_empty:
                day = self._day_of_any(day, backwards=backwards)

    def _days(self, since: int, until: int) -> tuple[int, int]:
        """Give the first and the last day in which there can be anything."""
        lowest, highest = (self.raw.execute(statement).fetchone() for statement in _ENDS)
        if lowest is None or highest is None:
            return 0, -1
        return day_of(max(lowest[0], since)), day_of(min(highest[0], until - 1))

    def _day_of_any(self, day: int, *, backwards: bool) -> int:
        """Give the next day from one on that has a reading of any meter: one wrong clock is centuries away from the others."""
        if backwards:
            row = self.raw.execute(_LAST, ((day + 1) * DAY,)).fetchone()
            return _NEVER if row is None else min(day, day_of(row[0]))
        row = self.raw.execute(_NEXT, ((day - (day <= 0)) * DAY,)).fetchone()
        return _NEVER if row is None else max(day, day_of(row[0]))

    def _cursor(self) -> RawCursor[PostgresRow]:
        return RawCursor(self.raw, row_factory=rows_of)
