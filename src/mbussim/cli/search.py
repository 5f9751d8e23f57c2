"""`mbussim search`."""

import argparse
from typing import Any

from mbussim.bus import Collisions
from mbussim.cli.arguments import add_baud, add_json, add_population, probability

EPILOG = """examples:
  mbussim search --meters 60 --ids sequential
  mbussim search --meters 250 --ids batches --collisions filtered --json
  mbussim search --meters 60 --loss 0.01 --thorough --json
"""


def add(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "search",
        help="run the secondary search on a population, in virtual time",
        description="Run mbus's own secondary search on a made-up population in virtual time and count what it cost.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_population(command, 250)
    add_baud(command)
    command.add_argument(
        "--collisions",
        type=Collisions,
        choices=list(Collisions),
        default=Collisions.GARBLED,
        help="what becomes of several answers: a clean E5, garbled characters, or what a filtering gateway passes "
        "(default garbled)",
    )
    command.add_argument(
        "--loss",
        type=probability,
        default=0.0,
        metavar="P",
        help="probability that a single meter's answer is lost",
    )
    command.add_argument("--thorough", action="store_true", help="repeat until a pass adds nothing")
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> dict[str, object]:
    """Search."""
    from mbussim.search import Search, search_population

    return search_population(
        Search(
            options.meters,
            options.ids,
            options.seed,
            options.baud,
            options.collisions,
            options.loss,
            options.thorough,
        )
    )
