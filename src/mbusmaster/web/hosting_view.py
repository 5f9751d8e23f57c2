"""How hosted reading goes, in the visitor's language."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mbusmaster.hosting.state import HostedState, OperationalStatus, Planned, RoundDone, Standing
from mbusweb.locale import format_date, format_datetime, format_number, ngettext, said
from mbusweb.locale import gettext as _

if TYPE_CHECKING:
    from mbushosting.schedules import Calendar, Schedule

_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class ShownSchedule:
    """A schedule in force."""

    name: str
    when: str
    meters: str
    manner: str
    next: str
    is_reading: bool


@dataclass(frozen=True, slots=True)
class ShownRound:
    """A round that has ended."""

    name: str
    slot: str
    ended: str
    answered: str
    is_complete: bool


@dataclass(frozen=True, slots=True)
class ShownTunnel:
    """Somebody who reads a bus by way of the head-end."""

    id: str
    who: str
    source: str
    bus: str
    reason: str
    since: str


@dataclass(frozen=True, slots=True)
class ShownHosting:
    """What the page shows.

    :ivar look: class of `text`: ``good``, ``bad`` or ``off``.
    :ivar facts: stable name, label and value of each row.
    :ivar alarms: what must be looked at.
    """

    look: str
    text: str
    facts: tuple[tuple[str, str, str], ...]
    alarms: tuple[str, ...]
    schedules: tuple[ShownSchedule, ...]
    rounds: tuple[ShownRound, ...]
    tunnels: tuple[ShownTunnel, ...]
    is_enrolled: bool


def shown_hosting(state: HostedState) -> ShownHosting:
    """Say how hosted reading goes."""
    work = state.work
    return ShownHosting(
        look=_look(state),
        text=_headline(state),
        facts=_facts(state),
        alarms=tuple(said(text) for text in work.alarms),
        schedules=tuple(_schedule(plan) for plan in work.plans),
        rounds=tuple(_round(done) for done in work.rounds),
        tunnels=tuple(
            ShownTunnel(one.id, one.who, one.source, one.bus, one.reason, format_datetime(one.since))
            for one in work.tunnels
        ),
        is_enrolled=state.enrolment.standing is not Standing.NONE,
    )


def _look(state: HostedState) -> str:
    enrolment, work = state.enrolment, state.work
    if enrolment.standing in (Standing.LAPSED, Standing.DAMAGED):
        return "bad"
    if not work.on:
        return "off"
    return "good" if work.reached else "bad"


def _headline(state: HostedState) -> str:
    enrolment, work = state.enrolment, state.work
    if enrolment.text and state.is_here:
        return said(enrolment.text)
    if work.reached:
        return _("Connected with the head-end %(url)s.") % {"url": enrolment.place}
    if enrolment.place and not work.on:
        return _("Enrolled at %(url)s, but not called: %(reason)s") % {
            "url": enrolment.place,
            "reason": said(work.reason),
        }
    return said(work.reason)


def _facts(state: HostedState) -> tuple[tuple[str, str, str], ...]:
    enrolment, work = state.enrolment, state.work
    is_hosted = state.status is OperationalStatus.HOSTED
    rows = [("operational_status", _("Operational status"), _("Hosted") if is_hosted else _("Local"))]
    if enrolment.place:
        rows.append(("head_end", _("Head-end"), enrolment.place))
        rows.append(("known_as", _("Known there as"), enrolment.serial_number))
    if work.on:
        never = _("none since the start")
        contact = format_datetime(work.last_contact) if work.last_contact else never
        rows.append(("last_contact", _("Last contact (UTC)"), contact))
    if enrolment.expires is not None:
        until = format_date(enrolment.expires)
        if enrolment.standing is Standing.VALID:
            until = _("%(date)s, renewed by itself") % {"date": until}
        rows.append(("certificate", _("Certificate valid until"), until))
    if work.readings is not None:
        kept = work.readings
        rows.append(("waiting", _("Readings that wait for the head-end"), format_number(kept.waiting)))
        rows.append(("history", _("Readings kept as history"), format_number(kept.kept)))
        rows.append(("dropped", _("Readings given up for lack of room"), format_number(kept.dropped)))
    return tuple(rows)


def _schedule(plan: Planned) -> ShownSchedule:
    schedule = plan.schedule
    count = len(schedule.meters)
    return ShownSchedule(
        name=schedule.title or schedule.id,
        when=rule_text(schedule),
        meters=ngettext("%(count)d meter", "%(count)d meters", count) % {"count": count}
        if count
        else _("All of the meter list"),
        manner="; ".join(_manner(schedule)),
        next=format_datetime(plan.next) if plan.next is not None else _("Never"),
        is_reading=plan.slot is not None,
    )


def _manner(schedule: "Schedule") -> list[str]:
    parts = [
        _("missed readings are made up") if schedule.missed == "make up" else _("missed readings are skipped")
    ]
    if schedule.application_reset:
        parts.append(_("application reset before each reading"))
    if schedule.silent_at_end:
        parts.append(_("silent meters again at the end"))
    if schedule.remembered_rate:
        parts.append(_("begins with the baud rate that worked the last time"))
    if schedule.budget is not None:
        count = schedule.budget
        text = ngettext(
            "at most %(count)d reading of a meter a day", "at most %(count)d readings of a meter a day", count
        )
        parts.append(text % {"count": count})
    return parts


def rule_text(schedule: "Schedule") -> str:
    """Say when a schedule reads."""
    rule = schedule.rule
    if rule.kind == "calendar":
        return _calendar_text(rule)
    minutes = rule.minutes
    if minutes % _DAY == 0:
        count = minutes // _DAY
        return ngettext("every day at 00:00 UTC", "every %(count)d days at 00:00 UTC", count) % {
            "count": count
        }
    if minutes % 60 == 0:
        count = minutes // 60
        return ngettext("every hour", "every %(count)d hours", count) % {"count": count}
    return ngettext("every minute", "every %(count)d minutes", minutes) % {"count": minutes}


def _calendar_text(rule: "Calendar") -> str:
    times = ", ".join(f"{minute // 60:02}:{minute % 60:02}" for minute in rule.times)
    parts = [_("%(times)s (%(zone)s)") % {"times": times, "zone": rule.zone}]
    if rule.weekdays:
        names = _weekdays()
        parts.append(", ".join(names[day - 1] for day in rule.weekdays))
    if rule.days:
        days = ", ".join(_("last") if day == -1 else str(day) for day in rule.days)
        parts.append(_("day of the month: %(days)s") % {"days": days})
    return "; ".join(parts)


def _weekdays() -> tuple[str, ...]:
    return (
        _("Monday"),
        _("Tuesday"),
        _("Wednesday"),
        _("Thursday"),
        _("Friday"),
        _("Saturday"),
        _("Sunday"),
    )


def _round(done: RoundDone) -> ShownRound:
    name = _("Read now") if done.is_command else done.title or done.id
    answered = _("%(answered)d of %(asked)d") % {"answered": done.answered, "asked": done.asked}
    return ShownRound(
        name,
        format_datetime(done.slot),
        format_datetime(done.ended),
        answered,
        done.answered == done.asked,
    )
