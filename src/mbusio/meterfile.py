"""A list of meters as a CSV file (RFC 4180, UTF-8, lines end with CR LF), as masters give and take it, and reading one back.

The first line names the columns. The names are stable, for programs read them:

======================  =================================================================================================
``secondary_address``   16 hex digits: identification as printed, then manufacturer, version and medium as they travel
``identification``      8 digits
``manufacturer``        three letters
``version``             number, decimal
``medium``              word (``heat_outlet``); on reading also the decimal code, and words that are not known are left aside
``primary_address``     0 to 250
``baud_rate``           the highest at which the meter answers
``fabrication_number``  as the meter says it
``first_seen``          UTC, ISO 8601 (``2026-11-22T21:28:32Z``), empty for never
``last_seen``           the same
``status``              word of the master (`mbusmaster.meterlist.meter.Status`)
``note``                the user's text
``bus``                 only where the list has more than one
``doubtful_times``      only where there are any: names of columns that were stamped with a doubtful clock, blanks between,
                        and ``checked``
======================  =================================================================================================

A cell that a spreadsheet would take for a formula (it begins with ``= + - @``, tab, CR or LF, or their full-width forms), and one
that begins with an apostrophe, gets an apostrophe in front; reading takes that one off again, so every text comes back as it was.
A byte order mark is written only where the file is not plain ASCII: there spreadsheets need it, elsewhere it disturbs programs.

On reading, columns may be missing, in any order, and be named as ``mbus scan --csv`` names them; commas, semicolons and tabs
separate; UTF-8 and UTF-16 with or without mark are known, everything else is taken for Windows-1252, with a warning.
"""

import codecs
import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

COLUMNS: Final = (
    "secondary_address",
    "identification",
    "manufacturer",
    "version",
    "medium",
    "primary_address",
    "baud_rate",
    "fabrication_number",
    "first_seen",
    "last_seen",
    "status",
    "note",
)
BUS_COLUMN: Final = "bus"
DOUBTS_COLUMN: Final = "doubtful_times"
IDENTIFYING: Final = ("secondary_address", "identification", "primary_address")
"""A file has at least one of these columns, and a line one of these cells."""
MAX_SIZE: Final = 1 << 20
MAX_LINES: Final = 2000
"""As many meters as a master's list has."""
MAX_PROBLEMS: Final = 100
"""Problems that are told one by one; of more only the number."""
LONGEST_CELL: Final = 1000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_GUARDED: Final = (*_FORMULA, "'")
_OTHER_NAMES: Final = {
    "id": "identification",
    "secondary": "secondary_address",
    "primary": "primary_address",
    "baud": "baud_rate",
    "fabrication": "fabrication_number",
}
_SEPARATORS: Final = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a file that cannot be taken.

    :ivar line: of the file, counted from 1; 0 where it is the file as a whole.
    :ivar column: name of the column, empty where it is the whole line.
    """

    line: int
    column: str
    text: str

    def __str__(self) -> str:
        """All of it for a person."""
        where = f"line {self.line}" if self.line else "the file"
        return f"{where}, {self.column}: {self.text}" if self.column else f"{where}: {self.text}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file: the cells that are not empty, by the name of their column.

    :ivar number: of its first line in the file, counted from 1.
    """

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file, or would.

    :ivar taken: whether anything was stored.
    :ivar problems: the first `MAX_PROBLEMS`.
    :ivar problem_count: how many there are in all.
    :ivar warnings: what was left aside or guessed.
    """

    taken: bool = False
    lines: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    problems: tuple[Problem, ...] = ()
    problem_count: int = 0
    warnings: tuple[str, ...] = ()

    def with_problems(self, more: Iterable[Problem]) -> "ImportReport":
        """Add problems, in the order of their lines."""
        more = tuple(more)
        problems = sorted((*self.problems, *more), key=lambda problem: problem.line)
        return replace(
            self, problems=tuple(problems[:MAX_PROBLEMS]), problem_count=self.problem_count + len(more)
        )


def write_table(columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """Give cells by the names of their columns as a file."""
    columns = tuple(columns)
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([guarded(row.get(column, "")) for column in columns] for row in rows)
    text = file.getvalue()
    return text.encode() if text.isascii() else codecs.BOM_UTF8 + text.encode()


def guarded(cell: str) -> str:
    """Give a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_GUARDED) else cell


def unguarded(cell: str) -> str:
    """Give the text that was meant."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_GUARDED) else cell


def read_lines(
    data: bytes, more: Collection[str] = (), *, max_size: int = MAX_SIZE, max_lines: int = MAX_LINES
) -> tuple[list[Line], ImportReport]:
    """Read a file; what is wrong with it stands in the report, never in an exception.

    :param more: names of columns that are read besides.
    """
    reader = _Reader(frozenset(more), max_size, max_lines)
    lines = list(reader.read(data))
    report = ImportReport(lines=len(lines), warnings=tuple(reader.warnings))
    return lines, report.with_problems(reader.problems)


@dataclass(slots=True)
class _Reader:
    more: frozenset[str]
    max_size: int
    max_lines: int
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def read(self, data: bytes) -> Iterator[Line]:
        if len(data) > self.max_size:
            self._complain(0, f"it has more than {self.max_size} bytes: that is no meter list")
            return
        text = self._decoded(data)
        if "\0" in text:
            self._complain(0, "it has zero bytes: that is no CSV file")
            return
        first = text.split("\n", 1)[0].strip().lower()
        told = first.removeprefix("sep=") if first.startswith("sep=") else ""
        # Spreadsheets write such a line in front of the header.
        skipped = 1 if told in _SEPARATORS else 0
        rows = _rows(text.split("\n", 1)[1] if skipped and "\n" in text else text, told)
        try:
            yield from self._lines(rows, skipped)
        except csv.Error as error:
            self._complain(rows.line + skipped, f"it cannot be read: {error}")

    def _lines(self, rows: "_Rows", skipped: int) -> Iterator[Line]:
        columns: list[str] | None = None
        count = 0
        for number, row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if columns is None:
                columns = self._header(number + skipped, row)
                if columns is None:
                    return
                continue
            if count == self.max_lines:
                self._complain(0, f"it has more than {self.max_lines} lines; the rest was not read")
                return
            count += 1
            line = self._line(number + skipped, row, columns)
            if line is not None:
                yield line
        if columns is None:
            self._complain(0, "it is empty: the first line names the columns")

    def _line(self, number: int, row: list[str], columns: list[str]) -> Line | None:
        if len(row) > len(columns) and any(cell.strip() for cell in row[len(columns) :]):
            self._complain(number, f"it has {len(row)} cells, and the header names {len(columns)} columns")
            return None
        if any(len(cell) > LONGEST_CELL for cell in row):
            self._complain(number, f"a cell has more than {LONGEST_CELL} characters")
            return None
        named = zip(columns, row, strict=False)
        known = {column: unguarded(cell.strip(" ")) for column, cell in named if column}
        return Line(number, {column: cell for column, cell in known.items() if cell})

    def _header(self, number: int, row: list[str]) -> list[str] | None:
        columns: list[str] = []
        unknown: list[str] = []
        for cell in row:
            name = _column_name(cell, self.more)
            if name in columns and name:
                self._complain(number, f"the column {name} is there twice")
                return None
            if not name and cell.strip():
                unknown.append(cell.strip()[:40])
            columns.append(name)
        if not any(name in columns for name in IDENTIFYING):
            names = ", ".join(COLUMNS)
            self._complain(
                number,
                f"the first line must name the columns, at least one of {', '.join(IDENTIFYING)} among {names}",
            )
            return None
        if unknown:
            self.warnings.append(f"columns that are not known were left aside: {', '.join(unknown[:10])}")
        return columns

    def _decoded(self, data: bytes) -> str:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return data.decode("utf-16", "replace")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            self.warnings.append("the file is not UTF-8; it was read as Windows-1252: look at the notes")
            return data.decode("cp1252", "replace")

    def _complain(self, line: int, text: str) -> None:
        self.problems.append(Problem(line, "", text))


class _Rows:
    """The rows of a file, each with the number of its first line."""

    def __init__(self, text: str, separator: str) -> None:
        self.line = 1
        self._reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        for row in self._reader:
            yield self.line, row
            self.line = self._reader.line_num + 1


def _rows(text: str, told: str) -> _Rows:
    if told:
        return _Rows(text, told)
    header = next((line for line in text.splitlines() if line.strip()), "")

    def known_columns(separator: str) -> int:
        return sum(bool(_column_name(cell.strip('"'))) for cell in header.split(separator))

    return _Rows(text, max(_SEPARATORS, key=known_columns))


def _column_name(cell: str, more: Collection[str] = ()) -> str:
    name = unguarded(cell.strip()).lower().replace(" ", "_").replace("-", "_")
    name = _OTHER_NAMES.get(name, name)
    return name if name in (*COLUMNS, BUS_COLUMN, DOUBTS_COLUMN, *more) else ""
