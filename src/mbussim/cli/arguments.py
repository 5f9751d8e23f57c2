"""Types and options that the commands share."""

import argparse
from typing import Final

from mbus.link.timing import BAUD_RATES

IDS: Final = ("random", "sequential", "batches", "mixed")


def number(first: int, last: int) -> "_Number":
    """Give a type for whole numbers of a range."""
    return _Number(first, last)


class _Number:
    def __init__(self, first: int, last: int) -> None:
        self._first, self._last = first, last

    def __call__(self, text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
        if not self._first <= value <= self._last:
            raise argparse.ArgumentTypeError(f"{value} is not from {self._first} to {self._last}")
        return value


def probability(text: str) -> float:
    """Read a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return value


def add_population(command: argparse.ArgumentParser, meters: int) -> None:
    """Add who lives on the bus."""
    command.add_argument(
        "--meters", type=number(0, 1250), default=meters, metavar="N", help="how many (default %(default)s)"
    )
    command.add_argument(
        "--ids", choices=IDS, default="random", help="how identifications are spread (default random)"
    )
    command.add_argument(
        "--seed", type=number(0, 2**32), default=1, metavar="S", help="of all chance (default 1)"
    )


def add_baud(command: argparse.ArgumentParser) -> None:
    """Add the rate of the bus."""
    command.add_argument(
        "--baud", type=int, choices=BAUD_RATES, default=2400, help="rate of the bus (default 2400)"
    )


def add_json(command: argparse.ArgumentParser) -> None:
    """Add the form of the result."""
    command.add_argument("--json", action="store_true", help="one JSON object on one line")
