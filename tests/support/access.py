"""Users and logins without the cost of real hashes, with a clock that the test sets."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from argon2 import Parameters, Type

from mbusmaster.users import RULES
from mbusweb.access import Access, Hasher, Rules

QUICK = Parameters(
    type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=8, parallelism=1
)
GOOD = "kahvikuppi-42-lamp"
OTHER = "tractor+Vodomer 19"
"""Passwords that are good enough."""


@dataclass
class Clocks:
    """The time of day, and the seconds since some instant."""

    now: datetime = field(default_factory=lambda: datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC))
    seconds: float = 1000.0

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds
        self.now += timedelta(seconds=seconds)


def an_access(state: Path, clocks: Clocks, hasher: Hasher | None = None, rules: Rules = RULES) -> Access:
    """Give one that is not open yet: 30 minutes idle, 12 hours at the longest."""
    return Access(
        state,
        rules,
        clock=lambda: clocks.now,
        monotonic=lambda: clocks.seconds,
        idle_minutes=lambda: 30,
        longest_hours=lambda: 12,
        hasher=hasher or Hasher(QUICK),
    )


@contextmanager
def open_access(
    state: Path, clocks: Clocks | None = None, hasher: Hasher | None = None, rules: Rules = RULES
) -> Iterator[Access]:
    """Open one for the length of the block."""
    access = an_access(state, clocks or Clocks(), hasher, rules)
    access.open()
    try:
        yield access
    finally:
        access.close()
