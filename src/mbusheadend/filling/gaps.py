"""A gap and how far its filling is; what was put in."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from mbus.application.datatypes import Value
from mbusheadend.decoding.registers import Register

HISTORY: Final = "history-"
"""Begin of the ids of commands that ask a master for its history; `AGAIN` of those that have meters read again."""
AGAIN: Final = "again-"


class FillState(StrEnum):
    """How far the filling of a gap is; the words stand in the store."""

    NEW = "new"
    WAITING_FOR_MASTER = "waiting for the master"
    """It does not call: it may have the readings."""
    WAITING_FOR_BACKLOG = "waiting for the backlog"
    """The master delivers readings of that time by itself."""
    ASKED_HISTORY = "history asked"
    ASKED_METER = "meter asked again"
    LATER = "later"
    """It is tried again when it is due."""
    LEFT = "left"
    """Nothing more can be done here; what comes late closes it all the same."""


class Source(StrEnum):
    """What a slot was filled from; the words stand in the store."""

    READ_AGAIN = "read again"
    """A reading that was taken later, on purpose for this slot."""
    MEMORY = "meter's memory"
    """The meter had stored values with this time: no reading was taken then."""


@dataclass(frozen=True, slots=True)
class GapFill:
    """A gap and how far its filling is.

    :ivar first: first slot without a sound reading, `last` the last one, `slots` how many.
    :ivar asked_history: how often the master was asked for its history; `asked_meter` to read again.
    :ivar due: when it is looked at next; None is at the next occasion.
    :ivar command: that is under way for it, empty where there is none.
    :ivar tried: id of the reading in which the meter's memory was looked for last.
    """

    meter: int
    schedule: str
    first: datetime
    last: datetime
    slots: int
    state: FillState
    asked_history: int
    asked_meter: int
    due: datetime | None
    command: str
    tried: str
    changed: datetime


@dataclass(frozen=True, slots=True)
class Filled:
    """What a slot was filled with.

    :ivar reading: id of the reading in which it was, taken at `taken`.
    :ivar storage: storage number of the values in that reading; 0 for a reading that was taken for the slot.
    :ivar is_by_day: the meter's stamp was a day without a time.
    :ivar values: of the registers whose value at the slot they are; none for a reading, which has them itself.
    """

    meter: int
    schedule: str
    slot: datetime
    source: Source
    reading: str
    taken: datetime
    storage: int = 0
    is_by_day: bool = False
    values: tuple[tuple[Register, Value], ...] = ()
