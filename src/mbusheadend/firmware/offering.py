"""Which release a master is offered. Computed, without a store."""

from collections.abc import Collection, Iterable
from datetime import datetime

from mbusheadend.firmware.releases import Held
from mbusheadend.rollout.offers import SILENT, Word


def offered(
    held: Iterable[Held], groups: Collection[str], running: int, now: datetime, word: Word = SILENT
) -> Held | None:
    """Give the newest release that is for these groups and valid; None rather than one that is older than what runs.

    What a master runs already it is shown again, also when it left the group: else its check would find something older.

    Where something newer is withheld, and nothing newer offered, it is shown nothing: it may have seen the newer one already.

    :param running: number of the release at the master; 0 where it is none, or not known.
    :param word: what rollouts decide for it.
    """
    fitting = [
        one
        for one in held
        if one.number >= running
        and not one.is_expired(now)
        and (
            one.number == running
            or word.allows(one.number, else_offered=one.groups is None or not one.groups.isdisjoint(groups))
        )
    ]
    found = max(fitting, key=lambda one: one.number, default=None)
    is_called_back = any(number > running for number in word.withheld)
    return None if is_called_back and found is not None and found.number == running else found


def number_of(release: str) -> int:
    """Give the number of what a master says that it runs; 0 where that is none."""
    return int(release) if release.isdecimal() and len(release) <= 10 else 0
