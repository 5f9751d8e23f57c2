"""Which releases a master is offered and which are withheld from it, while rollouts decide that. Computed, without a store.

A head-end can only withhold: what a release is worth its signatures say, and each master checks them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from mbusheadend.rollout.state import MemberState, RolloutState


class Standing(NamedTuple):
    """How a master stands in a rollout.

    :ivar member: None where it is not in it.
    """

    release: int
    state: RolloutState
    member: MemberState | None


@dataclass(frozen=True, slots=True)
class Word:
    """What rollouts say of releases for one master.

    :ivar given: numbers that it is offered, whatever groups they are for.
    :ivar withheld: numbers that it is not offered, unless it runs them.
    :ivar only_given: nothing else is offered.
    """

    given: frozenset[int] = frozenset()
    withheld: frozenset[int] = frozenset()
    only_given: bool = False

    def allows(self, number: int, *, else_offered: bool) -> bool:
        """Tell whether a release is offered that would be, or would not be, without rollouts."""
        if number in self.given:
            return True
        return else_offered and number not in self.withheld and not self.only_given


SILENT = Word()
"""There are no rollouts."""
_REACHED = (MemberState.ASKED, MemberState.UPDATED, MemberState.LATE)


def word(standings: Iterable[Standing], *, rollouts_only: bool) -> Word:
    """Say what rollouts decide for a master.

    A rollout governs its release from its making, also when it was stopped or cancelled: what was called back must not come by
    another way. One that is finished lets everybody have it, unless releases are offered by rollouts only.
    """
    given, withheld = set(), set()
    for one in standings:
        is_going_on = one.state in (RolloutState.RUNNING, RolloutState.PAUSED)
        if one.state is RolloutState.FINISHED:
            if one.member not in (None, MemberState.REFUSED, MemberState.FAILED):
                given.add(one.release)
        elif is_going_on and one.member in _REACHED:
            given.add(one.release)
        else:
            withheld.add(one.release)
    return Word(frozenset(given), frozenset(withheld - given), rollouts_only)
