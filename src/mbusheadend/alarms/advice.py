"""What people can do about an alarm, one sentence or two for each kind."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mbusheadend.alarms.kinds import AlarmKind
from mbusweb.texts import mark

ADVICE: Final[Mapping[AlarmKind, str]] = MappingProxyType(
    {
        AlarmKind.MASTER_SILENT: mark(
            "Look whether the master has power and network, and whether its page Hosting says why it cannot call. "
            "It goes on reading meanwhile, and delivers everything when it is back."
        ),
        AlarmKind.CERTIFICATE_LAPSES: mark(
            "Masters renew their certificate by themselves. See whether this one still calls, and whether its clock is right."
        ),
        AlarmKind.CERTIFICATE_LAPSED: mark(
            "Make a new enrolment token here and enter it at the master. Nothing that it has read is lost."
        ),
        AlarmKind.MASTER_ALARM: mark("The page Status of the master tells more."),
        AlarmKind.BUS_FAULT: mark(
            "Look for a short circuit or too many meters on this bus; the page Status of the master shows the current."
        ),
        AlarmKind.READINGS_DROPPED: mark(
            "The master had no contact for so long that it ran out of room. Look after its connection; what it gave up is gone."
        ),
        AlarmKind.CLOCK_DOUBTFUL: mark(
            "Give the master a time server on its page Time; until then the times of its readings may be wrong."
        ),
        AlarmKind.INCOMPLETE: mark(
            "See on the page Completeness which meters are missing: one of them, or all of a bus."
        ),
        AlarmKind.METER_SILENT: mark(
            "Look whether the meter is connected and has power, and whether another one has its address."
        ),
        AlarmKind.BUDGET_USED_UP: mark(
            "Nothing is wrong: tomorrow it is read again. If you need more readings, raise the budget in the schedule."
        ),
        AlarmKind.WRONG_METER: mark(
            "Two meters may have the same address, or one was exchanged. Scan the bus again at the master."
        ),
        AlarmKind.METER_EXCHANGED: mark(
            "If this was planned, acknowledge it: the new meter has readings of its own. Else look which meter is there."
        ),
        AlarmKind.COUNTER_FELL: mark(
            "The meter was reset, repaired or exchanged. Look at its readings before you bill them."
        ),
        AlarmKind.METER_FROZEN: mark(
            "Look whether the meter is broken or bypassed. An empty flat is a good reason too."
        ),
        AlarmKind.METER_CLOCK: mark(
            "Set the meter's clock; until then its values of a set day are those of another moment."
        ),
        AlarmKind.FOREIGN_READS: mark(
            "Find out who else reads this meter: a second master or a hand-held reader shortens the life of its battery."
        ),
        AlarmKind.METER_STATUS: mark(
            "Have the meter looked at; its manual says what each fault means. It is over when the meter no longer says so."
        ),
        AlarmKind.METER_INFO_CODE: mark("The manual of the meter says what the bits of its info code mean."),
        AlarmKind.ROLLOUT_STOPPED: mark(
            "No more masters are told. See on the page Rollouts what is wrong with those that were, and decide there whether it "
            "goes on."
        ),
        AlarmKind.RELEASE_EXPIRES: mark(
            "Add a newer release on the page Firmware. From that day on masters are offered none; what they run goes on."
        ),
        AlarmKind.DISK_FULL: mark(
            "Make room on the disk, or keep raw telegrams for a shorter time. When it is full, masters keep their readings."
        ),
        AlarmKind.MESSAGE_FAILED: mark(
            "See on the page Notifications what the receiver says, correct the rule or the mail server, and send a test message."
        ),
    }
)
