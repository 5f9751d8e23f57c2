"""`mbussim`: a bus full of meters, and what a search or a round on it costs."""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from mbussim.cli import round as reading_round
from mbussim.cli import search, serve

INTERRUPTED = 130
EPILOG = """examples:
  mbussim serve --meters 20 --tcp 127.0.0.1:2400 --pty /tmp/ttyMBUS
  mbussim search --meters 250 --ids batches --collisions filtered --json
  mbussim round --meters 250 --baud 9600 --json
"""


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    root = argparse.ArgumentParser(
        prog="mbussim",
        description="A simulated M-Bus.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (serve, search, reading_round):
        command.add(commands)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, 1 on failure, 2 on wrong usage (argparse exits with it too), 130 when interrupted."""
    options = parser().parse_args(arguments)
    try:
        result = options.run(options)
    except ValueError as error:
        sys.stderr.write(f"mbussim: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"mbussim: {error}; choose another address or path\n")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0 if result is None else _print(result, as_json=options.json)


def _print(result: dict[str, object], *, as_json: bool) -> int:
    try:
        show(result, as_json=as_json)
        sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"mbussim: cannot write: {error.strerror or error}\n")
        # Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def show(result: dict[str, object], *, as_json: bool) -> None:
    """Print figures: one JSON object on a line, or a name and a value per line."""
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    width = max(map(len, result))
    for name, value in result.items():
        sys.stdout.write(f"{name.replace('_', ' '):{width}}  {value}\n")
