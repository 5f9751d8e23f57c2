"""The options of ``mbusheadend schedule``."""

import argparse
from typing import Final

EXAMPLES: Final = """\
examples:
  mbusheadend schedule add hourly --every 60 --everybody
  mbusheadend schedule add night --at 00:30 --zone Europe/Copenhagen --master MBM1 --skip
  mbusheadend schedule add month --at 00:05 --days 1 --group north --budget 4
  mbusheadend schedule list
  mbusheadend schedule delete night

A schedule that is there already is replaced; slots that were read stay read.
"""


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> list[argparse.ArgumentParser]:
    """Add the command; give the parsers of its actions."""
    schedule = commands.add_parser(
        "schedule",
        help="say which masters read when",
        description="Add, list and delete reading schedules; a running head-end hands them on within seconds.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = schedule.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="add a schedule, or replace the one of this id")
    add.add_argument("id", metavar="ID", help="letters, digits, point, dash, underscore")
    add.add_argument("--title", default="", help="for people")
    when = add.add_mutually_exclusive_group(required=True)
    when.add_argument("--every", type=int, metavar="MINUTES", help="since midnight UTC of 1970")
    when.add_argument("--at", metavar="HH:MM,…", help="times of day")
    add.add_argument("--zone", default="UTC", help="of these times (default UTC), such as Europe/Copenhagen")
    add.add_argument(
        "--weekdays", type=_numbers, default=(), metavar="N,…", help="1 Monday to 7 Sunday (default all)"
    )
    add.add_argument(
        "--days", type=_numbers, default=(), metavar="N,…", help="of the month; -1 is the last (default all)"
    )
    add.add_argument("--master", action="append", default=[], metavar="SERIAL", help="also more than once")
    add.add_argument(
        "--group", action="append", default=[], metavar="NAME", help="of masters, also more than once"
    )
    add.add_argument("--everybody", action="store_true", help="all masters, also those to come")
    add.add_argument(
        "--skip", action="store_true", help="skip slots that were missed (default: make the newest up)"
    )
    add.add_argument("--budget", type=int, metavar="N", help="most readings of a meter in a day")
    add.add_argument("--application-reset", action="store_true", help="before each reading")
    add.add_argument(
        "--silent-at-end", action="store_true", help="ask silent meters again at the end of the round"
    )
    add.add_argument(
        "--remembered-rate", action="store_true", help="begin with the rate that worked the last time"
    )
    listing = actions.add_parser("list", help="show all schedules")
    listing.add_argument("--json", action="store_true", help="as one line of JSON")
    delete = actions.add_parser("delete", help="remove a schedule; what was read stays")
    delete.add_argument("id", metavar="ID")
    return [add, listing, delete]


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"numbers with commas between them, not {text!r}") from None
