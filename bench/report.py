"""Where figures go: a file of JSON, and the tables of a document, each between its own two marks."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.effort import Effort
from bench.figure import Figure, as_markdown
from bench.machine import Machine
from mbusio.files import write_atomically


@dataclass(frozen=True, slots=True)
class Table:
    """One table as it was measured."""

    figures: Sequence[Figure]
    machine: Machine

    @property
    def missed(self) -> list[Figure]:
        """Rows whose number was not reached."""
        return [figure for figure in self.figures if figure.met is False]

    def markdown(self) -> str:
        """Give it for a document, with the machine above it."""
        return f"Taken {self.machine}.\n\n{as_markdown(self.figures)}"


def as_json(tables: Mapping[str, Table], effort: Effort) -> str:
    """Give all tables as one object: ``{"effort": …, "tables": {NAME: {"machine": …, "figures": [… with "met"]}}}``."""
    return json.dumps(
        {
            "effort": effort,
            "tables": {
                name: {
                    "machine": asdict(table.machine),
                    "figures": [asdict(figure) | {"met": figure.met} for figure in table.figures],
                }
                for name, table in tables.items()
            },
        },
        indent=1,
    )


def put_into(document: str, tables: Mapping[str, Table]) -> str:
    """Put tables between their marks, ``<!-- bench NAME -->`` and ``<!-- end of NAME -->``; all else stays as it is.

    Raise `ValueError` where a table has no place.
    """
    require_places(document, tables)
    for name, table in tables.items():
        text = f"{_marks(name)[0]}\n{table.markdown()}\n\n{_marks(name)[1]}"
        document = _place(name).sub(lambda _, text=text: text, document)  # type: ignore[misc]
    return document


def require_places(document: str, names: Iterable[str]) -> None:
    """Raise `ValueError` unless a document has one place for each of these tables."""
    for name in names:
        places = len(_place(name).findall(document))
        if places != 1:
            raise ValueError(f"the document has {places} places for the table {name}")


def put_into_file(path: Path, tables: Mapping[str, Table]) -> None:
    """Do so in a file. Raise `ValueError` or `OSError`."""
    write_atomically(path, put_into(path.read_text(), tables).encode(), path.stat().st_mode & 0o777)


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- bench {name} -->", f"<!-- end of {name} -->"


def _place(name: str) -> re.Pattern[str]:
    begin, end = _marks(name)
    return re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
