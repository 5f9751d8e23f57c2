"""Words of rollouts and of settings for the fleet in the visitor's language."""

from datetime import datetime
from typing import Final

from mbusheadend.fleet.schedule_words import weekday_names
from mbusheadend.fleet.settings_desk import Progress
from mbusheadend.rollout.plan import LAST_MINUTE, Hours, Ring
from mbusheadend.rollout.state import Member, MemberState, Rollout, RolloutState
from mbusheadend.rollout.window import open_until, opens_at
from mbusheadend.web.fleet_texts import Sign
from mbusweb.locale import format_datetime, ngettext
from mbusweb.locale import gettext as _
from mbusweb.texts import mark

_STATES: Final = {
    RolloutState.DRAFT: (mark("Not begun"), "none"),
    RolloutState.RUNNING: (mark("Running"), "good"),
    RolloutState.PAUSED: (mark("Paused"), "warn"),
    RolloutState.STOPPED: (mark("Stopped"), "bad"),
    RolloutState.FINISHED: (mark("Finished"), "good"),
    RolloutState.CANCELLED: (mark("Cancelled"), "none"),
}
_MEMBERS: Final = {
    MemberState.WAITING: (mark("Waits for its turn"), "none"),
    MemberState.ABSENT: (mark("Does not call"), "none"),
    MemberState.ASKED: (mark("Told"), "warn"),
    MemberState.UPDATED: (mark("Updated"), "good"),
    MemberState.REFUSED: (mark("Refused"), "bad"),
    MemberState.FAILED: (mark("Failed"), "bad"),
    MemberState.LATE: (mark("Late"), "bad"),
    MemberState.GONE: (mark("Deleted"), "none"),
}
_PROGRESS: Final = {
    Progress.WAITING: (mark("Waits for the master"), "none"),
    Progress.TRIED: (mark("Would change"), "warn"),
    Progress.NOTHING: (mark("Is set so already"), "good"),
    Progress.SETTING: (mark("Being set"), "none"),
    Progress.SET: (mark("Set"), "good"),
    Progress.REFUSED: (mark("Refused"), "bad"),
    Progress.CHANGED: (mark("Changed since the dry run: try again"), "bad"),
    Progress.SILENT: (mark("Did not call in time"), "bad"),
    Progress.TOO_OLD: (mark("Takes no settings from here"), "bad"),
    Progress.GONE: (mark("Deleted"), "none"),
}


def state_sign(state: RolloutState) -> Sign:
    """Say how a rollout stands."""
    return _sign(_STATES[state])


def member_sign(state: MemberState) -> Sign:
    """Say how a master stands in it."""
    return _sign(_MEMBERS[state])


def detail_of(member: Member) -> tuple[str, str]:
    """Give what is said of a master in it, and in which language: "en" as masters say it, empty for the visitor's own."""
    text = _(member.detail) if member.detail else ""
    return text, "en" if text == member.detail else ""


def progress_sign(progress: Progress) -> Sign:
    """Say how far settings are at a master."""
    return _sign(_PROGRESS[progress])


def ring_text(ring: Ring) -> str:
    """Say which masters a ring has, and how long they are watched."""
    if ring.groups:
        who = _("groups %(groups)s") % {"groups": ", ".join(ring.groups)}
    elif ring.count is not None:
        who = ngettext("%(num)s master", "%(num)s masters", ring.count) % {"num": ring.count}
    else:
        who = _("up to %(percent)s %% of all") % {"percent": f"{ring.percent or 0:g}"}
    return _("%(who)s, watched for %(hours)s h") % {"who": who, "hours": f"{ring.soak_hours:g}"}


def hours_text(hours: Hours) -> str:
    """Say when updates may begin."""
    if hours.is_always:
        return _("At any time")
    end = f"{hours.end // 60 % 24:02d}:{hours.end % 60:02d}" if hours.end < LAST_MINUTE else "24:00"
    times = f"{hours.begin // 60:02d}:{hours.begin % 60:02d}–{end} ({hours.zone})"
    if not hours.weekdays:
        return times
    return f"{', '.join(weekday_names()[day - 1] for day in sorted(hours.weekdays))} {times}"


def now_text(rollout: Rollout, now: datetime) -> str:
    """Say what a rollout that runs does at the moment."""
    if rollout.state is not RolloutState.RUNNING:
        return ""
    ring = {"ring": rollout.ring + 1, "rings": len(rollout.plan.rings)}
    ends = rollout.soak_ends
    if ends is not None:
        return _("Ring %(ring)d of %(rings)d is updated, and watched until %(until)s UTC.") % {
            **ring,
            "until": format_datetime(ends),
        }
    if open_until(rollout.plan.hours, now) is None:
        begins = opens_at(rollout.plan.hours, now)
        return _("Ring %(ring)d of %(rings)d waits until %(until)s UTC, when updates may begin.") % {
            **ring,
            "until": "–" if begins is None else format_datetime(begins),
        }
    return _("Ring %(ring)d of %(rings)d is being updated.") % ring


def _sign(said: tuple[str, str]) -> Sign:
    text, look = said
    return Sign(_(text), look)
