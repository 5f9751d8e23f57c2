"""Which alarms there are, how bad each is, and what it is called."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final

from mbusweb.texts import mark


class Severity(IntEnum):
    """How bad it is; the numbers stand in the store."""

    NOTICE = 1
    """Good to know."""
    WARNING = 2
    """To be looked at in the next days."""
    ERROR = 3
    """Readings are lost, or will be."""


class AlarmKind(StrEnum):
    """What is wrong; the words stand in the store and in messages to programs."""

    MASTER_SILENT = "master silent"
    CERTIFICATE_LAPSES = "certificate lapses"
    CERTIFICATE_LAPSED = "certificate lapsed"
    MASTER_ALARM = "master alarm"
    BUS_FAULT = "bus fault"
    READINGS_DROPPED = "readings dropped"
    CLOCK_DOUBTFUL = "clock doubtful"
    INCOMPLETE = "incomplete"
    METER_SILENT = "meter silent"
    BUDGET_USED_UP = "budget used up"
    WRONG_METER = "wrong meter"
    METER_EXCHANGED = "meter exchanged"
    COUNTER_FELL = "counter fell"
    METER_FROZEN = "meter frozen"
    METER_CLOCK = "meter clock"
    FOREIGN_READS = "foreign reads"
    METER_STATUS = "meter status"
    METER_INFO_CODE = "meter info code"
    DISK_FULL = "disk full"
    MESSAGE_FAILED = "message failed"
    RELEASE_EXPIRES = "release expires"
    ROLLOUT_STOPPED = "rollout stopped"


SEVERITIES: Final[Mapping[AlarmKind, Severity]] = MappingProxyType(
    {
        AlarmKind.MASTER_SILENT: Severity.ERROR,
        AlarmKind.CERTIFICATE_LAPSES: Severity.WARNING,
        AlarmKind.CERTIFICATE_LAPSED: Severity.ERROR,
        AlarmKind.MASTER_ALARM: Severity.WARNING,
        AlarmKind.BUS_FAULT: Severity.ERROR,
        AlarmKind.READINGS_DROPPED: Severity.ERROR,
        AlarmKind.CLOCK_DOUBTFUL: Severity.WARNING,
        AlarmKind.INCOMPLETE: Severity.WARNING,
        AlarmKind.METER_SILENT: Severity.WARNING,
        AlarmKind.BUDGET_USED_UP: Severity.NOTICE,
        AlarmKind.WRONG_METER: Severity.WARNING,
        AlarmKind.METER_EXCHANGED: Severity.WARNING,
        AlarmKind.COUNTER_FELL: Severity.WARNING,
        AlarmKind.METER_FROZEN: Severity.WARNING,
        AlarmKind.METER_CLOCK: Severity.NOTICE,
        AlarmKind.FOREIGN_READS: Severity.NOTICE,
        AlarmKind.METER_STATUS: Severity.WARNING,
        AlarmKind.METER_INFO_CODE: Severity.WARNING,
        AlarmKind.DISK_FULL: Severity.ERROR,
        AlarmKind.MESSAGE_FAILED: Severity.WARNING,
        AlarmKind.RELEASE_EXPIRES: Severity.WARNING,
        AlarmKind.ROLLOUT_STOPPED: Severity.ERROR,
    }
)
"""How bad a kind is unless the one who raises it says something else."""
TITLES: Final[Mapping[AlarmKind, str]] = MappingProxyType(
    {
        AlarmKind.MASTER_SILENT: mark("Master silent"),
        AlarmKind.CERTIFICATE_LAPSES: mark("Certificate lapses soon"),
        AlarmKind.CERTIFICATE_LAPSED: mark("Certificate lapsed"),
        AlarmKind.MASTER_ALARM: mark("Alarm of a master"),
        AlarmKind.BUS_FAULT: mark("Fault of a bus"),
        AlarmKind.READINGS_DROPPED: mark("Readings lost at a master"),
        AlarmKind.CLOCK_DOUBTFUL: mark("Time of a master doubtful"),
        AlarmKind.INCOMPLETE: mark("Readings incomplete"),
        AlarmKind.METER_SILENT: mark("Meter silent"),
        AlarmKind.BUDGET_USED_UP: mark("Not read to spare the battery"),
        AlarmKind.WRONG_METER: mark("Wrong meter answered"),
        AlarmKind.METER_EXCHANGED: mark("Meter exchanged"),
        AlarmKind.COUNTER_FELL: mark("Counter reset"),
        AlarmKind.METER_FROZEN: mark("Meter stands still"),
        AlarmKind.METER_CLOCK: mark("Clock of a meter wrong"),
        AlarmKind.FOREIGN_READS: mark("Read by somebody else"),
        AlarmKind.METER_STATUS: mark("Meter reports a fault"),
        AlarmKind.METER_INFO_CODE: mark("Meter reports an info code"),
        AlarmKind.DISK_FULL: mark("Disk nearly full"),
        AlarmKind.MESSAGE_FAILED: mark("Message not delivered"),
        AlarmKind.RELEASE_EXPIRES: mark("Signatures of a release expire"),
        AlarmKind.ROLLOUT_STOPPED: mark("Rollout stopped"),
    }
)
JUDGMENTS: Final = frozenset(
    {
        AlarmKind.METER_EXCHANGED,
        AlarmKind.COUNTER_FELL,
        AlarmKind.METER_FROZEN,
        AlarmKind.METER_CLOCK,
        AlarmKind.FOREIGN_READS,
        AlarmKind.METER_STATUS,
        AlarmKind.METER_INFO_CODE,
    }
)
"""What readings tell of a meter."""
EVENTS: Final = frozenset(
    {
        AlarmKind.READINGS_DROPPED,
        AlarmKind.WRONG_METER,
        AlarmKind.METER_EXCHANGED,
        AlarmKind.COUNTER_FELL,
        AlarmKind.FOREIGN_READS,
    }
)
"""What happens and does not last: such an alarm ends when it has not happened again for a while."""
