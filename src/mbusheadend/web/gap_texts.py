"""Gaps and how far their filling is, in words; what readings tell of a meter beyond their values."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mbusheadend.filling.gaps import Filled, FillState, GapFill, Source
from mbusheadend.filling.plan import MOST_HISTORY, MOST_READS
from mbusheadend.store import Meter
from mbusheadend.watch.actions import MeterJudgments
from mbusheadend.web.value_texts import meter_text
from mbusweb.locale import format_datetime, format_number, ngettext
from mbusweb.locale import gettext as _
from mbusweb.texts import mark

_STATES: Final = {
    FillState.NEW: (mark("New"), "notice"),
    FillState.WAITING_FOR_MASTER: (mark("Waits for the master"), "warning"),
    FillState.WAITING_FOR_BACKLOG: (mark("On its way"), "notice"),
    FillState.ASKED_HISTORY: (mark("Asked for from the master"), "notice"),
    FillState.ASKED_METER: (mark("Read again"), "notice"),
    FillState.LATER: (mark("Tried again later"), "notice"),
    FillState.LEFT: (mark("Given up"), "error"),
}


@dataclass(frozen=True, slots=True)
class ShownGap:
    """A gap as pages show it.

    :ivar look: class of the style sheet; `why` what is done about it, or why nothing more is.
    """

    fill: GapFill
    meter: str
    link: str
    schedule: str
    state: str
    look: str
    why: str


def shown_gap(meter: Meter, fill: GapFill, schedules: dict[str, str]) -> ShownGap:
    """Say a gap in words."""
    state, look = _STATES[fill.state]
    title = schedules.get(fill.schedule) or fill.schedule
    return ShownGap(fill, meter_text(meter), f"/readings/{meter.id}", title, _(state), look, why_text(fill))


def state_choices() -> list[tuple[str, str]]:
    """Give the states of gaps."""
    return [("", _("All")), *((str(state), _(text)) for state, (text, _look) in _STATES.items())]


def why_text(fill: GapFill) -> str:
    """Say what is being done about a gap, or why nothing more is."""
    match fill.state:
        case FillState.NEW:
            return _("It is looked at in the next minutes.")
        case FillState.WAITING_FOR_MASTER:
            return _("The master does not call; it may have the readings, and brings them when it is back.")
        case FillState.WAITING_FOR_BACKLOG:
            return _("The master has readings of that time and is delivering them.")
        case FillState.ASKED_HISTORY:
            return _("The master was asked to send its history of that time again.")
        case FillState.ASKED_METER:
            return _("The master was asked to read the meter again.")
        case FillState.LATER if fill.due is not None:
            return _("Tried again %(time)s UTC.") % {"time": format_datetime(fill.due)}
        case FillState.LATER:
            return _("Tried again soon.")
    return _left_text(fill)


def _left_text(fill: GapFill) -> str:
    if fill.asked_history >= MOST_HISTORY and fill.asked_meter >= MOST_READS:
        said = _(
            "The master's history has nothing of it, and the meter did not answer when it was read again."
        )
    elif fill.asked_history >= MOST_HISTORY:
        said = _(
            "The master's history has nothing of it; to read the meter now would say nothing about that time."
        )
    elif fill.asked_meter >= MOST_READS:
        said = _("The meter was read again and did not answer.")
    else:
        said = _(
            "The meter was asked then and did not answer, or the history does not reach back so far; "
            "to read it now would say nothing about that time."
        )
    late = _("What comes late closes the gap all the same.")
    return f"{said} {late}"


def filled_text(one: Filled) -> str:
    """Say from what a slot was filled."""
    if one.source is Source.MEMORY:
        values = {"number": one.storage, "time": format_datetime(one.taken)}
        text = _("from the meter's memory: storage number %(number)d, read %(time)s UTC") % values
        to_the_day = _("to the day")
        return f"{text}, {to_the_day}" if one.is_by_day else text
    return _("read again %(time)s UTC") % {"time": format_datetime(one.taken)}


def judgment_facts(judged: MeterJudgments) -> list[tuple[str, str]]:
    """Say what is known of a meter's clock and whether it stands still, as titles and texts."""
    facts = []
    if judged.clock_error is not None:
        facts.append((_("Clock of the meter"), offset_text(judged.clock_error)))
    if judged.clock_zone:
        facts.append((_("Ahead of UTC by its zone"), offset_text(judged.clock_zone)))
    if judged.clock_drift is not None:
        seconds = round(judged.clock_drift.total_seconds(), 1)
        facts.append((_("Drift of the clock"), _("%(count)s s a day") % {"count": format_number(seconds)}))
    if judged.still_since is not None and judged.still_readings > 1:
        text = ngettext("%(num)s reading", "%(num)s readings", judged.still_readings) % {
            "num": judged.still_readings
        }
        facts.append((_("Counters unchanged since"), f"{format_datetime(judged.still_since)} ({text})"))
    if judged.judged is not None:
        facts.append((_("Judged up to"), format_datetime(judged.judged)))
    return facts


def offset_text(offset: timedelta) -> str:
    """Say how far a clock is ahead or behind."""
    seconds = round(abs(offset).total_seconds())
    if not seconds:
        return _("right to the second")
    hours, rest = divmod(seconds, 3600)
    amount = f"{hours}:{rest // 60:02}:{rest % 60:02} h" if hours else f"{rest // 60}:{rest % 60:02} min"
    return (_("%(time)s ahead") if offset > timedelta() else _("%(time)s behind")) % {"time": amount}
