"""How long things take on the wire, in seconds (EN 13757-2; MBUS.md 1.3, 1.4). Nothing here reads a clock."""

from typing import Final

BAUD_RATES: Final = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400)
CHARACTER_BITS: Final = 11
"""Start, eight data, even parity, stop."""
EARLIEST_ANSWER_BITS: Final = 11
"""No slave answers sooner after the end of the request."""
LATEST_ANSWER_BITS: Final = 330
LATEST_ANSWER_SECONDS: Final = 0.050
"""A slave must have begun its answer 330 bit times + 50 ms after the end of the request."""
IDLE_BITS: Final = 33
"""Quiet that must lie between the end of an exchange and the next request."""


def bits(count: float, baud: int) -> float:
    """Seconds that `count` bit times last."""
    return count / baud


def characters(count: int, baud: int) -> float:
    """Seconds that `count` characters without gaps last."""
    return count * CHARACTER_BITS / baud


def answer_window(baud: int) -> float:
    """Seconds after the end of a request within which the first character of the answer has begun."""
    return LATEST_ANSWER_BITS / baud + LATEST_ANSWER_SECONDS


def idle(baud: int) -> float:
    """Seconds of quiet between two exchanges."""
    return IDLE_BITS / baud
