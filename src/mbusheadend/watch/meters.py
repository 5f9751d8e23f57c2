"""What is wrong with the readings of a master, by what was expected and what came; without asking anybody."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final

from mbusheadend.alarms.alarm import AlarmKey, Raised
from mbusheadend.alarms.kinds import AlarmKind
from mbusheadend.store import Completeness, Gap
from mbusheadend.watch.limits import Limits
from mbushosting.readings import Outcome
from mbushosting.schedules import Schedule
from mbushosting.slots import UnknownZoneError, next_slot
from mbusweb.texts import Text, mark

KINDS: Final = frozenset({AlarmKind.METER_SILENT, AlarmKind.INCOMPLETE, AlarmKind.BUDGET_USED_UP})
FEWEST: Final = 10
"""Readings of a day of which a share says something."""

NOT_READ: Final = {
    Outcome.SILENT: mark(
        "The meter has not been read since %(since)s UTC, %(slots)d times in a row: nothing answered."
    ),
    Outcome.GARBLED: mark(
        "The meter has not been read since %(since)s UTC, %(slots)d times in a row: what answered was damaged, or another meter."
    ),
    Outcome.INCOMPLETE: mark(
        "The meter has not been read since %(since)s UTC, %(slots)d times in a row: its answers broke off."
    ),
}
INCOMPLETE: Final = mark("Of the readings of a day %(received)d of %(expected)d are here (%(percent)d %%).")
BUDGET: Final = mark("It was not read at %(slot)s UTC: it may be read %(budget)d times a day only.")


def silent_meters(
    serial: str,
    found: Iterable[Completeness],
    schedules: Mapping[str, Schedule],
    until: datetime,
    limits: Limits,
) -> list[Raised]:
    """Give the meters that have missed their last slots, though they were asked."""
    raised = []
    for one in found:
        gap = next((gap for gap in one.gaps if _is_silence(gap, schedules, until, limits)), None)
        if gap is not None and gap.outcome is not None:
            values: dict[str, str | int] = {
                "since": f"{gap.first:%Y-%m-%d %H:%M}",
                "slots": gap.slots,
            }
            key = AlarmKey(AlarmKind.METER_SILENT, serial, one.meter)
            raised.append(Raised(key, Text(NOT_READ[gap.outcome], values), since=gap.first))
    return raised


def _is_silence(gap: Gap, schedules: Mapping[str, Schedule], until: datetime, limits: Limits) -> bool:
    schedule = schedules.get(gap.schedule)
    if schedule is None or gap.outcome not in NOT_READ or gap.slots < limits.silent_slots:
        return False
    try:
        following = next_slot(schedule.rule, gap.last)
    except UnknownZoneError:
        return False
    return following is None or following >= until


def incomplete(
    serial: str, day: Iterable[Completeness], limits: Limits, lasting: Collection[AlarmKey]
) -> list[Raised]:
    """Tell whether too little of a day has come; once it is so, a little more is wanted."""
    day = tuple(day)
    expected = sum(one.expected for one in day)
    received = sum(one.received for one in day)
    key = AlarmKey(AlarmKind.INCOMPLETE, serial)
    wanted = min(100, limits.complete_percent + (2 if key in lasting else 0))
    if expected < FEWEST or 100 * received >= wanted * expected:
        return []
    values: dict[str, str | int] = {
        "received": received,
        "expected": expected,
        "percent": 100 * received // expected,
    }
    return [Raised(key, Text(INCOMPLETE, values))]


def unread(day: Iterable[Completeness], schedules: Mapping[str, Schedule]) -> list[tuple[Gap, int]]:
    """Give gaps of a day from which nothing came and that a budget may have made, and the budget."""
    found = []
    for one in day:
        for gap in one.gaps:
            schedule = schedules.get(gap.schedule)
            if schedule is not None and schedule.budget is not None and gap.outcome is None:
                found.append((gap, schedule.budget))
                break
    return found


def budget_used_up(serial: str, gap: Gap, budget: int) -> Raised:
    """Tell that a meter was not read, to spare its battery."""
    values: dict[str, str | int] = {"slot": f"{gap.last:%Y-%m-%d %H:%M}", "budget": budget}
    return Raised(AlarmKey(AlarmKind.BUDGET_USED_UP, serial, gap.meter), Text(BUDGET, values))
