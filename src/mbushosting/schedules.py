"""Which meters are read, when, and how."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from mbushosting.parts import Id, Message, MeterName

Minute = Annotated[int, Field(ge=0, le=1439)]
Zone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+){0,2}$", max_length=64)]


class Every(Message):
    """At fixed distances: every so many minutes since midnight UTC of 1970; daylight saving has no part in it."""

    kind: Literal["every"] = "every"
    minutes: Annotated[int, Field(ge=1, le=44640)]


class Calendar(Message):
    """At times of day in a zone.

    A time that the change to summer leaves out is read at the first instant after the gap; one that the change to winter repeats
    is read once, the first time.

    :ivar times: minutes since midnight.
    :ivar weekdays: 1 Monday to 7 Sunday; empty is every day.
    :ivar days: of the month, 1 to 31, or -1 for the last; empty is every day. A day that a month lacks is left out.
    """

    kind: Literal["calendar"] = "calendar"
    zone: Zone = "UTC"
    times: Annotated[tuple[Minute, ...], Field(min_length=1, max_length=96)]
    weekdays: Annotated[tuple[Annotated[int, Field(ge=1, le=7)], ...], Field(max_length=7)] = ()
    days: Annotated[tuple[Annotated[int, Field(ge=-1, le=31)], ...], Field(max_length=31)] = ()


class Missed(StrEnum):
    """What becomes of a slot at which the master was off, or hosting was."""

    MAKE_UP = "make up"
    """Read once, as soon as it can be, for the newest slot that was missed."""
    SKIP = "skip"


class Schedule(Message):
    """One order to read again and again.

    :ivar version: rises with each change; a slot that was done stays done over changes.
    :ivar meters: empty is every meter of the master's list, as it is at the slot.
    :ivar application_reset: sent to each meter before it is read, so that it begins with its first telegram.
    :ivar silent_at_end: meters that are silent are asked again at the end of the round instead of at once.
    :ivar remembered_rate: the rate that worked the last time is tried before the default one.
    :ivar budget: most readings of one meter in a day, for batteries; None is without limit.
    """

    id: Id
    version: int = 1
    title: Annotated[str, StringConstraints(max_length=128)] = ""
    rule: Annotated[Every | Calendar, Field(discriminator="kind")]
    meters: Annotated[tuple[MeterName, ...], Field(max_length=2500)] = ()
    application_reset: bool = False
    missed: Missed = Missed.MAKE_UP
    silent_at_end: bool = False
    remembered_rate: bool = False
    budget: Annotated[int, Field(ge=1, le=1440)] | None = None
    enabled: bool = True
