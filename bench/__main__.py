"""``python -m bench [TABLE …] [--json]``: measure and print; exit 1 when a promised number is missed."""

import argparse
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict

from bench import decode, gateway, latency, round_, search, store
from bench.figure import Figure, as_markdown

TABLES: dict[str, Callable[[], list[Figure]]] = {
    "round": round_.figures,
    "search": search.figures,
    "decode": decode.figures,
    "gateway": gateway.figures,
    "latency": latency.figures,
    "store": store.figures,
}


def main() -> int:
    """Measure the tables that were asked for, all of them by default."""
    parser = argparse.ArgumentParser(
        prog="bench", description="Measures the figures that the project promises."
    )
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], help="which tables (all)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    missed = False
    for name in arguments.tables or TABLES:
        figures = TABLES[name]()
        missed |= any(figure.met is False for figure in figures)
        if arguments.json:
            print(json.dumps({"table": name, "figures": [asdict(figure) for figure in figures]}))
        else:
            print(
                f"\n## {name} ({platform.machine()}, Python {platform.python_version()})\n\n{as_markdown(figures)}"
            )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
