"""What is wrong with the masters of a ring, by what is known of them now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from mbusheadend.rollout.plan import Gate
from mbusheadend.rollout.state import Member, MemberState, Reason
from mbusweb.texts import mark

if TYPE_CHECKING:
    from mbusheadend.store.fleet import CommandState

NOT_WELL: Final = mark(
    "%(bad)d of %(all)d masters of ring %(ring)d are not well, and %(most)d may be: %(refused)d refused, %(failed)d failed, "
    "%(late)d late, %(silent)d silent, %(restarted)d restarted too often."
)
ALARMS: Final = mark(
    "%(count)d masters of ring %(ring)d have new alarms since their update, and %(most)d may: %(masters)s."
)
INCOMPLETE: Final = mark(
    "Of the readings of ring %(ring)d %(after)s %% came after the update, and %(before)s %% before."
)
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a master now.

    :ivar release: number that it runs, 0 where that is none, or not known yet: just after a start.
    :ivar willing: whether it installs releases when it is told: a `mbushosting.fleet_settings.Willing`.
    :ivar command: what became of the order that it has; None where it has none. `detail` is what it said about it.
    """

    last_contact: datetime | None
    release: int
    started: datetime | None
    willing: str = ""
    command: "CommandState | None" = None
    detail: str = ""

    def is_silent(self, now: datetime, minutes: int) -> bool:
        """Tell whether it has not called for so long."""
        return self.last_contact is None or now - self.last_contact > timedelta(minutes=minutes)


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of readings that came, 0 to 1, of the masters of a ring before and after their updates."""

    before: float
    after: float


def what_is_wrong(
    ring: int, members: Iterable[Member], seen: Mapping[str, Seen], gate: Gate, now: datetime
) -> Reason | None:
    """Say why too many masters of a ring are not well; None where they are not."""
    counted = [one for one in members if one.state not in (MemberState.GONE, MemberState.ABSENT)]
    kinds: dict[str, set[str]] = {}
    for one in counted:
        kind = _trouble(one, seen.get(one.serial), gate, now)
        if kind and not one.is_excused:
            kinds.setdefault(kind, set()).add(one.serial)
    bad = sum(len(serials) for serials in kinds.values())
    # Computed in hundredths of percents: 95 % of 20 masters leave one, whatever a computer makes of fractions.
    most = len(counted) * (10_000 - round(gate.reported_percent * 100)) // 10_000
    if bad <= most:
        return None
    counts = {name: len(kinds.get(name, ())) for name in ("refused", "failed", "late", "silent", "restarted")}
    return Reason.of(NOT_WELL, bad=bad, all=len(counted), most=most, ring=ring + 1, **counts)


def _trouble(member: Member, seen: Seen | None, gate: Gate, now: datetime) -> str:
    if member.state.is_bad:
        return str(member.state)
    if seen is None or member.state not in (MemberState.ASKED, MemberState.UPDATED):
        return ""
    if seen.is_silent(now, gate.silent_minutes):
        return "silent"
    return "restarted" if member.restarts > gate.most_restarts else ""


def new_alarms(
    ring: int, members: Iterable[Member], alarmed: Mapping[str, datetime], gate: Gate
) -> Reason | None:
    """Say that too many masters have alarms that they did not have before they were told; None where that is not so.

    :param alarmed: when the newest alarm of a master began.
    """
    found = sorted(
        one.serial
        for one in members
        if one.state is MemberState.UPDATED
        and not one.is_excused
        and one.first_asked is not None
        and one.serial in alarmed
        and alarmed[one.serial] > one.first_asked
    )
    if len(found) <= gate.most_alarms:
        return None
    named = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
    return Reason.of(ALARMS, count=len(found), ring=ring + 1, most=gate.most_alarms, masters=named)


def less_complete(ring: int, shares: Shares | None, gate: Gate) -> Reason | None:
    """Say that fewer readings come than before; None where that is not so, or not known."""
    if shares is None or gate.completeness_points is None:
        return None
    if 100 * (shares.before - shares.after) <= gate.completeness_points + 1e-9:
        return None
    before, after = f"{100 * shares.before:.1f}", f"{100 * shares.after:.1f}"
    return Reason.of(INCOMPLETE, ring=ring + 1, before=before, after=after)
