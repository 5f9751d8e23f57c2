"""`mbussim round`."""

import argparse
from typing import Any

from mbussim.cli.arguments import add_baud, add_json, number

EPILOG = """examples:
  mbussim round --meters 250 --baud 9600
  mbussim round --meters 60 --secondary --missing 3 --json
"""


def add(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "round",
        help="run one reading round in virtual time, against the physical bound",
        description="Read known meters once, in virtual time, and compare with what the wire alone needs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--meters", type=number(1, 1250), default=250, metavar="N", help="how many (default 250)"
    )
    add_baud(command)
    command.add_argument(
        "--reply-bytes",
        type=number(28, 261),
        default=100,
        metavar="N",
        help="length of a response (default 100)",
    )
    command.add_argument("--secondary", action="store_true", help="by secondary instead of primary address")
    command.add_argument(
        "--missing",
        type=number(0, 1250),
        default=0,
        metavar="N",
        help="so many of them do not answer (default 0)",
    )
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> dict[str, object]:
    """Read."""
    from mbussim.round import Round, read_round

    return read_round(
        Round(options.meters, options.baud, options.reply_bytes, options.secondary, options.missing)
    )
