"""What people want of a rollout; also how it stands in the store."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mbusheadend.alarms.kinds import AlarmKind, Severity
from mbusheadend.firmware.releases import GroupName
from mbushosting.schedules import Zone

MOST_RINGS: Final = 10
LAST_MINUTE: Final = 24 * 60


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Ring(_Part):
    """Masters that are updated together; exactly one of `percent`, `count` and `groups` says which.

    :ivar percent: of all masters of the rollout that are in this ring or in one before.
    :ivar count: so many more masters.
    :ivar groups: of masters: those of them that are in no ring before.
    :ivar soak_hours: how long they are watched when the last one of them is updated.
    """

    name: Annotated[str, Field(max_length=64)] = ""
    percent: Annotated[float, Field(gt=0, le=100)] | None = None
    count: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    groups: Annotated[tuple[GroupName, ...], Field(max_length=100)] = ()
    soak_hours: Annotated[float, Field(ge=0, le=24 * 60)] = 24

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if sum((self.percent is not None, self.count is not None, bool(self.groups))) != 1:
            raise ValueError("a ring has either a percentage, or a number of masters, or groups")
        return self


class Gate(_Part):
    """What must be so for the next ring to begin; what is worse stops the rollout at once.

    :ivar reported_percent: of the masters of a ring must run the release, and be well.
    :ivar report_hours: within which each must, from the time when it was told.
    :ivar silent_minutes: a master that has not called for so long is not well.
    :ivar completeness_points: by so much at the most may the share of readings that came be less than before; None does not
        look.
    :ivar alarm_severity: the least of new alarms that count; None does not look.
    :ivar alarm_kinds: that count; empty is all.
    :ivar most_alarms: so many masters of the ring may have such alarms.
    :ivar most_restarts: of a master, beside the one of the update.
    """

    reported_percent: Annotated[float, Field(gt=0, le=100)] = 95
    report_hours: Annotated[float, Field(gt=0, le=24 * 60)] = 72
    silent_minutes: Annotated[int, Field(ge=15, le=14 * 1440)] = 60
    completeness_points: Annotated[float, Field(ge=0, le=100)] | None = 5
    alarm_severity: Severity | None = Severity.ERROR
    alarm_kinds: frozenset[AlarmKind] = frozenset()
    most_alarms: Annotated[int, Field(ge=0, le=100_000)] = 0
    most_restarts: Annotated[int, Field(ge=0, le=1000)] = 2


class Hours(_Part):
    """When updates may begin.

    :ivar zone: of the times of day.
    :ivar weekdays: 1 is Monday; of the day on which the time begins. Empty is every day.
    :ivar begin: minute of the day; `end` is the first one behind, on the next day where it is not later.
    """

    zone: Zone = "UTC"
    weekdays: frozenset[Annotated[int, Field(ge=1, le=7)]] = frozenset()
    begin: Annotated[int, Field(ge=0, lt=LAST_MINUTE)] = 0
    end: Annotated[int, Field(ge=0, le=LAST_MINUTE)] = LAST_MINUTE

    @property
    def is_always(self) -> bool:
        """Whether it says nothing."""
        return not self.weekdays and self.begin == 0 and self.end == LAST_MINUTE


class Plan(_Part):
    """A rollout as it is wanted.

    :ivar release: its number.
    :ivar groups: of masters that get it; empty is all.
    :ivar most_at_once: masters that are told and have not reported yet.
    :ivar at_once: masters do not wait until nobody uses the bus.
    """

    title: Annotated[str, Field(max_length=128)] = ""
    release: Annotated[int, Field(ge=1, le=999_999)]
    groups: Annotated[tuple[GroupName, ...], Field(max_length=100)] = ()
    rings: Annotated[tuple[Ring, ...], Field(min_length=1, max_length=MOST_RINGS)]
    gate: Gate = Gate()
    hours: Hours = Hours()
    most_at_once: Annotated[int, Field(ge=1, le=10_000)] = 50
    at_once: bool = False

    @property
    def shown(self) -> str:
        """The number of the release as people write it."""
        return f"{self.release:04d}"
