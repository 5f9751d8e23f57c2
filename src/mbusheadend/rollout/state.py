"""How far a rollout is."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mbusheadend.rollout.plan import Plan
from mbusweb.texts import NO_TEXT, Text

LONGEST_DETAIL: Final = 400


class RolloutState(StrEnum):
    """Where a rollout stands; the words stand in the store."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    """By itself: something is not well."""
    FINISHED = "finished"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self in (RolloutState.FINISHED, RolloutState.CANCELLED)


class MemberState(StrEnum):
    """Where a master stands in a rollout."""

    WAITING = "waiting"
    ABSENT = "absent"
    """It did not call before its turn came; it gets the release when it is back, and nobody waits for it."""
    ASKED = "asked"
    UPDATED = "updated"
    REFUSED = "refused"
    FAILED = "failed"
    """It took the release back, or runs an older one again."""
    LATE = "late"
    """It has not reported the release in time."""
    GONE = "gone"
    """It is no master here any more."""

    @property
    def is_bad(self) -> bool:
        """Whether it counts against the rollout."""
        return self in (MemberState.REFUSED, MemberState.FAILED, MemberState.LATE)


class Reason(BaseModel):
    """A text as it stands in the store."""

    model_config = ConfigDict(frozen=True)

    template: str = ""
    values: dict[str, str | int] = {}

    @classmethod
    def of(cls, template: str, **values: str | int) -> "Reason":
        """Make one."""
        return cls(template=template, values=values)

    @property
    def text(self) -> Text:
        """Give it for people."""
        return Text(self.template, self.values) if self.template else NO_TEXT


class Member(BaseModel):
    """A master in a rollout.

    :ivar ring: counted from 0.
    :ivar attempt: how often it was told.
    :ivar is_told: the order is given; until then it is given again.
    :ivar first_asked: when it was told first, `asked` last; `expires` is when that lapses.
    :ivar updated: when it was seen to run the release.
    :ivar detail: what it said.
    :ivar started: when its software started, as it said last; `restarts` how often that was another time since the update.
    :ivar is_excused: somebody has seen what is wrong with it, and went on: it does not count any more.
    """

    model_config = ConfigDict(frozen=True)

    serial: str
    ring: int
    state: MemberState = MemberState.WAITING
    attempt: int = 0
    is_told: bool = False
    first_asked: AwareDatetime | None = None
    asked: AwareDatetime | None = None
    expires: AwareDatetime | None = None
    updated: AwareDatetime | None = None
    detail: str = ""
    started: AwareDatetime | None = None
    restarts: int = 0
    is_excused: bool = False

    def command_of(self, rollout: str) -> str:
        """Give the id of the order that it has."""
        return f"rollout-{rollout}-{self.attempt}"


class Rollout(BaseModel):
    """A rollout.

    :ivar version: counts changes.
    :ivar who: made it.
    :ivar ring: that is being updated or watched now, counted from 0.
    :ivar began: when this ring did; `soaking` since when its last master is done, None before.
    :ivar reason: why it stopped.
    """

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(pattern=r"^[0-9a-z]{1,16}$")]
    plan: Plan
    state: RolloutState = RolloutState.DRAFT
    version: int = 0
    added: AwareDatetime
    who: str = ""
    ring: int = 0
    began: AwareDatetime | None = None
    soaking: AwareDatetime | None = None
    reason: Reason = Reason()
    changed: AwareDatetime | None = None

    @property
    def soak_ends(self) -> datetime | None:
        """When the ring has been watched for long enough; None before that has begun."""
        if self.soaking is None:
            return None
        return self.soaking + timedelta(hours=self.plan.rings[self.ring].soak_hours)
