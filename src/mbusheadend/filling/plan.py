"""What is to be done next about a gap.

First the master is waited for: it delivers by itself what it has. Then it is asked for its history, where no reading came at all;
then the meter is read again, while that still says something about the slot; then the meter's own memory is looked into, each
time a newer reading is here. Attempts are few and ever further apart.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from mbusheadend.filling.gaps import AGAIN, HISTORY, FillState, GapFill
from mbusheadend.store.fleet import CommandState
from mbusheadend.store.readings import Gap
from mbushosting.schedules import Missed, Schedule

MOST_HISTORY: Final = 2
MOST_READS: Final = 2
HISTORY_AGAIN: Final = timedelta(days=1)
DELIVERY: Final = timedelta(minutes=10)
"""After a command was done, its readings are here within that."""
READ_AGAIN: Final = timedelta(minutes=10)
RECENT: Final = timedelta(hours=6)
"""A reading later than that says nothing about a slot, however far the next one is."""
LATE: Final = timedelta(hours=6)
"""So long after its slot a reading may have been taken."""


class Action(Enum):
    """What is to be done."""

    NOTHING = auto()
    ASK_HISTORY = auto()
    READ_AGAIN = auto()


@dataclass(frozen=True, slots=True)
class Facts:
    """What must be known of a gap.

    :ivar backlog: since when the master has readings that it has not delivered; None where it has none.
    :ivar history: since when the master has readings; None where it has none.
    :ivar schedule: None where it is no more.
    :ivar next_slot: behind the gap.
    :ivar command: what became of the one that is under way for the gap.
    :ivar may_read: whether the meter's budget of the day leaves a reading.
    """

    now: datetime
    is_master_silent: bool
    backlog: datetime | None
    history: datetime | None
    schedule: Schedule | None
    next_slot: datetime | None
    command: CommandState | None
    may_read: bool


def begin(gap: Gap, before: GapFill | None, now: datetime) -> GapFill:
    """Give a gap as it is, with what was tried for the one that it was."""
    if before is None:
        return GapFill(
            gap.meter, gap.schedule, gap.first, gap.last, gap.slots, FillState.NEW, 0, 0, None, "", "", now
        )
    # The newest slot of a gap that grows was never asked for.
    grew = gap.last > before.last
    return replace(
        before,
        first=gap.first,
        last=gap.last,
        slots=gap.slots,
        asked_meter=0 if grew else before.asked_meter,
        command="" if grew and before.command.startswith(AGAIN) else before.command,
    )


def plan(fill: GapFill, gap: Gap, facts: Facts) -> tuple[GapFill, Action]:
    """Tell what to do about a gap now, and how far its filling is then."""
    fill = _after_command(fill, facts)
    if facts.is_master_silent:
        return _to(fill, FillState.WAITING_FOR_MASTER, facts), Action.NOTHING
    if facts.backlog is not None and facts.backlog <= gap.last + LATE:
        return _to(fill, FillState.WAITING_FOR_BACKLOG, facts), Action.NOTHING
    if fill.command:
        asked = FillState.ASKED_HISTORY if fill.command.startswith(HISTORY) else FillState.ASKED_METER
        return _to(fill, asked, facts), Action.NOTHING
    if _is_in_history(fill, gap, facts):
        return _to(fill, FillState.ASKED_HISTORY, facts), Action.ASK_HISTORY
    if _can_be_read(fill, gap, facts):
        return _to(fill, FillState.ASKED_METER, facts), Action.READ_AGAIN
    later = fill.due is not None and facts.now < fill.due
    return _to(fill, FillState.LATER if later else FillState.LEFT, facts), Action.NOTHING


def _after_command(fill: GapFill, facts: Facts) -> GapFill:
    """Take note that a command is no longer under way."""
    if not fill.command or (facts.command is not None and facts.command.is_open):
        return fill
    asked, pause = fill.asked_history, READ_AGAIN
    if fill.command.startswith(HISTORY):
        # A master that has sent what it had has no more.
        is_done = facts.command is CommandState.DONE
        asked, pause = (MOST_HISTORY, DELIVERY) if is_done else (asked, HISTORY_AGAIN)
    return replace(fill, command="", asked_history=asked, due=facts.now + pause, changed=facts.now)


def _is_in_history(fill: GapFill, gap: Gap, facts: Facts) -> bool:
    if gap.outcome is not None or fill.asked_history >= MOST_HISTORY or _must_wait(fill, facts):
        return False
    return facts.history is not None and facts.history <= gap.last + LATE


def _can_be_read(fill: GapFill, gap: Gap, facts: Facts) -> bool:
    schedule = facts.schedule
    if schedule is None or not schedule.enabled or schedule.missed is not Missed.MAKE_UP:
        return False
    if fill.asked_meter >= MOST_READS or not facts.may_read or _must_wait(fill, facts):
        return False
    half = RECENT if facts.next_slot is None else (facts.next_slot - gap.last) / 2
    return facts.now - gap.last <= min(RECENT, half)


def _must_wait(fill: GapFill, facts: Facts) -> bool:
    return fill.due is not None and facts.now < fill.due


def _to(fill: GapFill, state: FillState, facts: Facts) -> GapFill:
    return fill if fill.state is state else replace(fill, state=state, changed=facts.now)
