"""An alarm as it is raised, and as it is kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from mbusheadend.alarms.kinds import SEVERITIES, AlarmKind, Severity
from mbusweb.texts import Text

LONGEST_DETAIL: Final = 200
LONGEST_NOTE: Final = 500


class AlarmKey(NamedTuple):
    """What tells open alarms apart: there is one of each key.

    :ivar master: serial number, empty where it is about no master.
    :ivar meter: number in the store, None where it is about no meter.
    :ivar detail: which one of several: a register, a bus, a bit of the status.
    """

    kind: AlarmKind
    master: str = ""
    meter: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Raised:
    """Something is wrong, now or still.

    :ivar since: since when, where that is known better than when it was noticed.
    :ivar is_new: whether it happened again; one that merely lasts is not counted.
    """

    key: AlarmKey
    text: Text
    severity: Severity | None = None
    since: datetime | None = None
    is_new: bool = False

    @property
    def weight(self) -> Severity:
        """How bad it is."""
        return self.severity or SEVERITIES[self.key.kind]


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm in the store.

    :ivar last: when it was seen last.
    :ivar count: how often it was raised, or happened.
    :ivar cleared: when it was over; None while it lasts.
    :ivar acknowledged: when somebody said that he knows, `acknowledged_by` who, and `note` what he said about it.
    """

    id: int
    key: AlarmKey
    severity: Severity
    text: Text
    first: datetime
    last: datetime
    count: int
    cleared: datetime | None
    acknowledged: datetime | None
    acknowledged_by: str
    note: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it lasts."""
        return self.cleared is None


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """Which alarms are wanted; what is None or empty chooses nothing.

    :ivar is_open: lasting, or over.
    :ivar severity: the least.
    :ivar group: of the master or of the meter.
    """

    is_open: bool | None = None
    is_acknowledged: bool | None = None
    kinds: frozenset[AlarmKind] = frozenset()
    severity: Severity = Severity.NOTICE
    master: str | None = None
    meter: int | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class AlarmPage:
    """Alarms, the newest first.

    :ivar before: gives the next page; None on the last one.
    :ivar total: how many the filter lets through.
    """

    alarms: tuple[Alarm, ...]
    before: int | None
    total: int


@dataclass(frozen=True, slots=True)
class AlarmNews:
    """That an alarm was raised, or is over.

    :ivar id: rises.
    :ivar groups: of the master and of the meter that it is about.
    :ivar meter: identity of the meter; names are those that people gave.
    """

    id: int
    at: datetime
    is_over: bool
    alarm: Alarm
    groups: frozenset[str]
    master_name: str
    meter: str
    meter_name: str
