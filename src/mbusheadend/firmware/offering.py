"""Which release a master is offered. Computed, without a store."""

from collections.abc import Collection, Iterable
from datetime import datetime

from mbusheadend.firmware.releases import Held


def offered(held: Iterable[Held], groups: Collection[str], running: int, now: datetime) -> Held | None:
    """Give the newest release that is for these groups and valid; None rather than one that is older than what runs.

    What a master runs already it is shown again, also when it left the group: else its check would find something older.

    :param running: number of the release at the master; 0 where it is none, or not known.
    """
    fitting = [
        one
        for one in held
        if one.number >= running
        and not one.is_expired(now)
        and (one.groups is None or one.number == running or not one.groups.isdisjoint(groups))
    ]
    return max(fitting, key=lambda one: one.number, default=None)


def number_of(release: str) -> int:
    """Give the number of what a master says that it runs; 0 where that is none."""
    return int(release) if release.isdecimal() and len(release) <= 10 else 0
