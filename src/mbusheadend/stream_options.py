"""The options of ``mbusheadend write`` and ``mbusheadend stream``."""

import argparse
from collections.abc import Coroutine
from typing import Any, Final

from mbusheadend.settings import Settings

WRITE_EXAMPLES: Final = """\
examples:
  mbusheadend write --stream nats://n1.example.org,n2.example.org,n3.example.org
  mbusheadend write --writers 32

Any number of writers may run, on any machines; each batch is stored once.
"""
STREAM_EXAMPLES: Final = """\
examples:
  mbusheadend stream check
  mbusheadend stream dead
  mbusheadend stream again 17 18
  mbusheadend stream again --all

A dead letter is what was acknowledged and cannot be stored. Put right what it says, then try it again.
"""
MOST_WRITERS: Final = 256


def add_parsers(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> list[argparse.ArgumentParser]:
    """Add the commands; give the parsers of their actions."""
    raw = argparse.RawDescriptionHelpFormatter
    write = commands.add_parser(
        "write",
        help="write what the stream holds to the store",
        description="Write what the stream holds to the store, and nothing else, until Ctrl-C or SIGTERM.",
        epilog=WRITE_EXAMPLES,
        formatter_class=raw,
    )
    write.add_argument("--writers", type=_writers, metavar="N", help="batches at a time (default 16)")
    write.add_argument("--quiet", action="store_true", help="log warnings and errors only")
    write.add_argument("--json", action="store_true", help="print one line of JSON when all is ready")
    stream = commands.add_parser(
        "stream",
        help="look at the stream of uploads: check, dead, again",
        epilog=STREAM_EXAMPLES,
        formatter_class=raw,
    )
    actions = stream.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="make what is not there, and say what is not as it should be")
    check.add_argument("--json", action="store_true", help="as one line of JSON")
    dead = actions.add_parser("dead", help="list what was acknowledged and cannot be stored")
    dead.add_argument("--json", action="store_true", help="as one line of JSON")
    again = actions.add_parser("again", help="try dead letters again")
    chosen = again.add_mutually_exclusive_group(required=True)
    chosen.add_argument("numbers", type=int, nargs="*", default=[], metavar="NUMBER", help="of a dead letter")
    chosen.add_argument("--all", action="store_true", help="all of them")
    for one in (check, dead, again):
        one.set_defaults(work=_work)
    for one in (write, check, dead, again):
        add_stream(one)
    return [write, check, dead, again]


def add_stream(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where the stream is."""
    parser.add_argument(
        "--stream",
        metavar="nats://HOST,…",
        help="nodes of the stream that acknowledges uploads; the rest is in the part [stream] of the settings",
    )


def _work(settings: Settings, options: argparse.Namespace) -> Coroutine[Any, Any, None]:
    from mbusheadend.stream_command import run

    return run(settings, options)


def _writers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_WRITERS:
        raise argparse.ArgumentTypeError(f"1 to {MOST_WRITERS} batches at a time, not {text!r}")
    return int(text)
