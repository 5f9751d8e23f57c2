"""``python -m bench [TABLE …]``: measure tables and print them.

Exit 1 when a promised number is missed, or a table breaks down.
"""

import argparse
import logging
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench import archive, decode, gateway, growth, intake, latency, reading, round_, scale, search, store
from bench.effort import Effort
from bench.figure import Figure
from bench.machine import describe
from bench.report import Table, as_json, put_into_file, require_places

TABLES: Mapping[str, Callable[[Effort], list[Figure]]] = {
    "round": round_.figures,
    "reading": reading.figures,
    "search": search.figures,
    "decode": decode.figures,
    "gateway": gateway.figures,
    "latency": latency.figures,
    "store": store.figures,
    "archive": archive.figures,
    "intake": intake.figures,
    "scale": scale.figures,
    "growth": growth.figures,
}

ON_DEMAND: Final = frozenset({"scale", "growth"})
"""Tables that take half an hour and much of a disk; they are measured where they are named."""


def main() -> int:
    """Measure the tables that were asked for, all of them by default."""
    options = _options()
    # pyMeterBus has set up the log when it was imported.
    logging.basicConfig(level=logging.WARNING, force=True)
    tables: dict[str, Table] = {}
    broken = []
    for name in options.tables:
        machine, began = describe(), time.monotonic()
        try:
            tables[name] = Table(_promised(TABLES[name](options.effort), options.effort), machine)
        except Exception:
            traceback.print_exc()
            broken.append(name)
            continue
        print(f"\n## {name} ({time.monotonic() - began:.0f} s)\n\n{tables[name].markdown()}", flush=True)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(as_json(tables, options.effort) + "\n")
    if options.document:
        put_into_file(options.document, tables)
    return _judge(tables, broken, options.effort)


def _promised(figures: list[Figure], effort: Effort) -> list[Figure]:
    """Leave out what is promised where too little was measured to say whether it is kept."""
    return figures if effort is Effort.FULL else [replace(figure, reach=None) for figure in figures]


def _judge(tables: Mapping[str, Table], broken: list[str], effort: Effort) -> int:
    missed = [f"{name}: {figure.what}" for name, table in tables.items() for figure in table.missed]
    for name in broken:
        print(f"\n{name} broke down; its traceback is above", file=sys.stderr)
    if effort is not Effort.FULL:
        print(f"\n{len(tables)} tables ran. Numbers are promised of the full run only: make bench")
        return int(bool(broken))
    for what in missed:
        print(f"\nmissed: {what}", file=sys.stderr)
    return int(bool(broken or missed))


def _options() -> argparse.Namespace:
    """Read the command line; what would fail after an hour of measuring ends the program now."""
    parser = _parser()
    options = parser.parse_args()
    options.tables = options.tables or [name for name in TABLES if name not in ON_DEMAND]
    if options.document:
        if options.effort is not Effort.FULL:
            parser.error("only figures of the full run go into a document")
        try:
            require_places(options.document.read_text(), options.tables)
        except (OSError, ValueError) as error:
            parser.error(f"{options.document}: {error}")
    if options.json and options.json.is_dir():
        parser.error(f"{options.json} is a directory")
    return options


def _table(name: str) -> str:
    if name not in TABLES:
        raise argparse.ArgumentTypeError(f"there is no table {name!r}: those are {', '.join(TABLES)}")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench", description="Measures the figures that the project promises."
    )
    parser.add_argument(
        "tables",
        nargs="*",
        type=_table,
        metavar="TABLE",
        help=f"some of {', '.join(TABLES)} (default all but {', '.join(sorted(ON_DEMAND))})",
    )
    parser.add_argument("--effort", type=Effort, choices=list(Effort), default=Effort.FULL)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write JSON")
    parser.add_argument(
        "--document", type=Path, metavar="FILE", help="also put the tables between their marks in Markdown"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
