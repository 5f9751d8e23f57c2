"""What is to be done next in a rollout: a pure function of what is stored and what is known of the masters.

Whoever does it stores the result first and gives the orders then; an order that was not noted as given is given again, under the
same id. So it may be broken off anywhere.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from mbusheadend.rollout.health import Seen, Shares, less_complete, new_alarms, what_is_wrong
from mbusheadend.rollout.plan import Plan
from mbusheadend.rollout.state import LONGEST_DETAIL, Member, MemberState, Reason, Rollout, RolloutState
from mbusheadend.rollout.window import open_until
from mbusheadend.store.fleet import CommandState
from mbushosting.fleet_settings import Willing
from mbusweb.texts import mark

NOT_OFFERED: Final = mark("Release %(release)s is not on the shelf any more, or its signatures have expired.")
UNWILLING: Final = mark("installs no releases when the head-end says so")
OLDER_AGAIN: Final = mark("runs an older release again")
SAME_START: Final = timedelta(seconds=10)
"""Two times of a start that differ by less are one: the clock was set."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known now.

    :ivar is_held: the release is on the shelf, and masters take it.
    :ivar seen: masters that are here, by serial number.
    :ivar alarmed: when the newest open alarm of a master began, of those that count.
    :ivar shares: of the ring that is watched; asked for only when `wants_shares` says so.
    """

    now: datetime
    is_held: bool
    seen: Mapping[str, Seen]
    alarmed: Mapping[str, datetime] = field(default_factory=dict)
    shares: Shares | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What came of it.

    :ivar rollout: as it is from now on; the same object where nothing changed.
    :ivar members: that have changed.
    :ivar asks: masters that are to be told, `withdrawn` those whose orders are to be taken back.
    """

    rollout: Rollout
    members: tuple[Member, ...] = ()
    asks: tuple[Member, ...] = ()
    withdrawn: tuple[Member, ...] = ()


def wants_shares(rollout: Rollout, now: datetime) -> bool:
    """Tell whether the ring was watched for long enough, and its readings are to be counted."""
    ends = rollout.soak_ends
    return rollout.state is RolloutState.RUNNING and ends is not None and ends <= now


def step(rollout: Rollout, members: Iterable[Member], facts: Facts) -> Step:
    """Go on with a rollout that runs.

    :param members: those of this ring and of the rings before.
    """
    before = {one.serial: one for one in members}
    if rollout.state is not RolloutState.RUNNING:
        return Step(rollout)
    plan = rollout.plan
    now = {serial: _looked_at(one, rollout, facts) for serial, one in before.items()}
    ring = [one for one in now.values() if one.ring == rollout.ring]
    why = _trouble(rollout, ring, facts)
    if why is not None:
        return stopped(rollout, before, now, why, facts.now)
    asks = _to_ask(plan, now.values(), facts)
    now.update((one.serial, one) for one in asks)
    going_on = _gone_on(rollout, [one for one in now.values() if one.ring == rollout.ring], facts)
    if isinstance(going_on, Reason):
        return stopped(rollout, before, now, going_on, facts.now)
    again = tuple(one for one in now.values() if one.state is MemberState.ASKED and not one.is_told)
    return Step(going_on, _changed(before, now), again)


def stopped(
    rollout: Rollout, before: Mapping[str, Member], now: Mapping[str, Member], why: Reason, at: datetime
) -> Step:
    """Stop: masters that were told and have not begun wait again."""
    withdrawn, after = called_back(now)
    stop = rollout.model_copy(update={"state": RolloutState.STOPPED, "reason": why, "changed": at})
    return Step(stop, _changed(before, after), (), withdrawn)


def called_back(members: Mapping[str, Member]) -> tuple[tuple[Member, ...], dict[str, Member]]:
    """Let masters that were told wait again; give those, as they were, and all as they are now."""
    told = tuple(one for one in members.values() if one.state is MemberState.ASKED)
    back = {
        one.serial: one.model_copy(update={"state": MemberState.WAITING, "is_told": False}) for one in told
    }
    return told, {**members, **back}


def _changed(before: Mapping[str, Member], now: Mapping[str, Member]) -> tuple[Member, ...]:
    return tuple(one for serial, one in now.items() if one != before.get(serial))


def _trouble(rollout: Rollout, ring: list[Member], facts: Facts) -> Reason | None:
    gate = rollout.plan.gate
    if not facts.is_held:
        return Reason.of(NOT_OFFERED, release=rollout.plan.shown)
    return what_is_wrong(rollout.ring, ring, facts.seen, gate, facts.now) or new_alarms(
        rollout.ring, ring, facts.alarmed, gate
    )


def _looked_at(member: Member, rollout: Rollout, facts: Facts) -> Member:
    """Give a master as it is now."""
    seen = facts.seen.get(member.serial)
    if seen is None:
        return _into(member, MemberState.GONE)
    if seen.release >= rollout.plan.release:
        return _running_it(member, seen, facts.now)
    if member.state is MemberState.UPDATED:
        if not seen.release:
            return member
        return _into(member, MemberState.FAILED, OLDER_AGAIN)
    if member.state is MemberState.ASKED:
        return _asked(member, seen, rollout.plan, facts.now)
    is_silent = seen.is_silent(facts.now, rollout.plan.gate.silent_minutes)
    if member.state in (MemberState.WAITING, MemberState.ABSENT, MemberState.GONE):
        return _into(member, MemberState.ABSENT if is_silent else MemberState.WAITING)
    return member


def _running_it(member: Member, seen: Seen, now: datetime) -> Member:
    if member.state is not MemberState.UPDATED:
        told = {"state": MemberState.UPDATED, "updated": now, "started": seen.started, "detail": ""}
        return member.model_copy(update=told)
    if seen.started is None or member.started is None or abs(seen.started - member.started) < SAME_START:
        return member
    return member.model_copy(update={"started": seen.started, "restarts": member.restarts + 1})


def _asked(member: Member, seen: Seen, plan: Plan, now: datetime) -> Member:
    assert member.first_asked is not None, "it was asked"
    is_late = now - member.first_asked >= timedelta(hours=plan.gate.report_hours)
    lapsed = member.expires is not None and member.expires <= now
    match seen.command:
        case CommandState.FAILED:
            return _into(member, MemberState.FAILED, seen.detail)
        case CommandState.REFUSED if not lapsed or is_late:
            return _into(member, MemberState.REFUSED, seen.detail)
        case _ if is_late:
            return _into(member, MemberState.LATE, seen.detail)
        case CommandState.REFUSED | CommandState.EXPIRED | CommandState.CANCELLED:
            # The time of day was over before there was a quiet moment: the next one comes.
            return _into(member, MemberState.WAITING, seen.detail)
    return member


def _into(member: Member, state: MemberState, detail: str = "") -> Member:
    if member.state is state:
        return member
    return member.model_copy(update={"state": state, "detail": detail[:LONGEST_DETAIL], "is_told": False})


def _to_ask(plan: Plan, members: Collection[Member], facts: Facts) -> tuple[Member, ...]:
    """Give the masters whose turn it is, told from now on."""
    until = open_until(plan.hours, facts.now)
    if until is None:
        return ()
    free = plan.most_at_once - sum(one.state is MemberState.ASKED for one in members)
    waiting = sorted(
        (one for one in members if one.state is MemberState.WAITING), key=lambda one: (one.ring, one.serial)
    )
    return tuple(
        _told(one, facts.seen[one.serial], plan, until, facts.now) for one in waiting[: max(0, free)]
    )


def _told(member: Member, seen: Seen, plan: Plan, until: datetime, now: datetime) -> Member:
    if seen.willing == Willing.OFF:
        return _into(member, MemberState.REFUSED, UNWILLING)
    first = member.first_asked or now
    return member.model_copy(
        update={
            "state": MemberState.ASKED,
            "attempt": member.attempt + 1,
            "is_told": False,
            "first_asked": first,
            "asked": now,
            "expires": min(until, first + timedelta(hours=plan.gate.report_hours)),
            "detail": "",
        }
    )


def _gone_on(rollout: Rollout, ring: list[Member], facts: Facts) -> Rollout | Reason:
    """Watch the ring when all of it is done, and go to the next one when it was watched for long enough."""
    pending = (MemberState.WAITING, MemberState.ASKED)
    done = [one for one in ring if one.state not in (*pending, MemberState.GONE, MemberState.ABSENT)]
    is_empty = all(one.state is MemberState.GONE for one in ring)
    if any(one.state in pending for one in ring) or not (done or is_empty):
        return rollout if rollout.soaking is None else rollout.model_copy(update={"soaking": None})
    if rollout.soaking is None:
        # Nobody there is nobody to be watched.
        rollout = rollout.model_copy(update={"soaking": facts.now, "changed": facts.now})
    ends = rollout.soak_ends
    if not is_empty and ends is not None and ends > facts.now:
        return rollout
    return less_complete(rollout.ring, facts.shares, rollout.plan.gate) or _next_ring(rollout, facts.now)


def _next_ring(rollout: Rollout, now: datetime) -> Rollout:
    if rollout.ring + 1 == len(rollout.plan.rings):
        return rollout.model_copy(update={"state": RolloutState.FINISHED, "changed": now})
    return rollout.model_copy(
        update={
            "ring": rollout.ring + 1,
            "began": now,
            "soaking": None,
            "changed": now,
        }
    )
