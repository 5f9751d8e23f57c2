"""Which master is in which ring: by groups where a ring names them, else by chance that is the same each time."""

import hashlib
import math
from collections.abc import Collection, Mapping

from mbusheadend.rollout.plan import Plan
from mbusheadend.rollout.state import Member


def dealt(
    plan: Plan, masters: Mapping[str, Collection[str]], salt: str, known: Mapping[str, Member]
) -> tuple[Member, ...]:
    """Give the masters that are new in a rollout, each with its ring; those that no ring takes are left out.

    :param masters: groups of each master that may be updated.
    :param salt: of this rollout, so that not always the same masters are the first.
    :param known: those that have a ring already. One that comes later gets the last ring that takes it.
    """
    wanted = {
        serial
        for serial, groups in masters.items()
        if not plan.groups or not set(plan.groups).isdisjoint(groups)
    }
    left = sorted(wanted - known.keys(), key=lambda serial: _chance(salt, serial))
    if known:
        return tuple(
            Member(serial=serial, ring=last)
            for serial in left
            if (last := _late_ring(plan, masters[serial])) is not None
        )
    taken: dict[str, int] = {}
    for number, ring in enumerate(plan.rings):
        free = [serial for serial in left if serial not in taken]
        if ring.groups:
            chosen = [serial for serial in free if not set(ring.groups).isdisjoint(masters[serial])]
        elif ring.count is not None:
            chosen = free[: ring.count]
        else:
            up_to = math.ceil(len(wanted) * (ring.percent or 0) / 100)
            chosen = free[: max(0, up_to - len(taken))]
        taken.update(dict.fromkeys(chosen, number))
    return tuple(Member(serial=serial, ring=number) for serial, number in taken.items())


def _late_ring(plan: Plan, groups: Collection[str]) -> int | None:
    last = len(plan.rings) - 1
    if plan.rings[last].percent == 100:
        return last
    named = [number for number, ring in enumerate(plan.rings) if not set(ring.groups).isdisjoint(groups)]
    return named[-1] if named else None


def _chance(salt: str, serial: str) -> bytes:
    return hashlib.sha256(f"{salt}/{serial}".encode()).digest()
